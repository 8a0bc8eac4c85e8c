"""How the store's database is opened: within limits, with this version's tables, and closed to whatever is no data of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import duckdb
from msgspec import Struct

from ecompulse.store import StoreError
from ecompulse.store.duckdb.bring_up import bring_up

_LOCKS: Final = (
    "set global TimeZone = 'UTC'",
    "set enable_external_access = false",
    "set allowed_configs = ['memory_limit']",
    "set lock_configuration = true",
)
"""Nothing that is asked of the store reaches files, extensions or the network, nor can it be set otherwise; but see `for_work`."""
RESTING_BYTES: Final = 128_000_000
"""Memory that the database keeps after a write: what was written or read last."""
WORKING_BYTES: Final = 320_000_000
"""Memory for writes, merges and checkpoints while no question is asked; they take no longer with less, and fill whatever they may."""


class Options(Struct, frozen=True):
    """Limits of the embedded store."""

    memory_bytes: int = 1_000_000_000
    """Memory of DuckDB for questions and flushes together; beyond it, it uses the disk."""
    threads: int = 2


def connect(folder: Path, path: Path, options: Options) -> duckdb.DuckDBPyConnection:
    """Open the database at `path`, in the store's `folder`, or make it, and bring it up to this version's tables.

    Raises:
        StoreError: it is damaged, of a later version, or another process has it open.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect(str(path), config=_config(folder, options))
        bring_up(connection, path)
        for setting in _LOCKS:
            connection.execute(setting)
    except (duckdb.Error, OSError) as error:
        raise StoreError(_opening(path, error)) from error
    return connection


def for_work(connection: duckdb.DuckDBPyConnection, options: Options) -> None:
    """Let the database forget what it keeps of its file in memory, and use little until `for_questions`. Nobody may use it meanwhile.

    It keeps every block that it wrote or read until its limit is reached, which is there for questions: a run that only took events held
    as much after a quarter of an hour. To lower the limit for a moment has it drop what was used longest ago.
    """
    if options.memory_bytes <= WORKING_BYTES:
        return
    try:
        connection.execute(_limited(RESTING_BYTES))
    except duckdb.OutOfMemoryException:
        pass  # more of it is needed still
    finally:
        connection.execute(_limited(WORKING_BYTES))


def for_questions(connection: duckdb.DuckDBPyConnection, options: Options) -> None:
    """Let the database use all the memory that it may."""
    connection.execute(_limited(options.memory_bytes))


def _limited(memory_bytes: int) -> str:
    return f"set global memory_limit = '{memory_bytes // 1_000_000}MB'"


def _config(folder: Path, options: Options) -> dict[str, Any]:
    return {
        "memory_limit": f"{options.memory_bytes // 1_000_000}MB",
        "threads": options.threads,
        "temp_directory": str(folder / "tmp"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "checkpoint_threshold": "1GB",  # checkpoints are made by `flush`, outside the lock
    }


def _opening(path: Path, error: Exception) -> str:
    if "lock" in str(error).lower() and "conflicting" in str(error).lower():
        return f"{path}: another process has the store open; only one may (stop the other `ecompulse run`)"
    return f"{path}: the store cannot be opened: {error}"
