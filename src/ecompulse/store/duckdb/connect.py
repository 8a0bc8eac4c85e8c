"""How the store's database is opened: within limits, with this version's tables, and closed to whatever is no data of it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Final

import duckdb
from msgspec import Struct

from ecompulse.store import StoreError
from ecompulse.store.duckdb.bring_up import bring_up

_LOCKS: Final = (
    "set global TimeZone = 'UTC'",
    "set enable_external_access = false",
    "set allowed_configs = ['memory_limit', 'max_vacuum_tasks']",
    "set lock_configuration = true",
)
"""Nothing that is asked of the store reaches files, extensions or the network, nor can it be set
otherwise, but for the limits that `memory` and `checkpoints` set."""


class Options(Struct, frozen=True):
    """Limits of the embedded store."""

    memory_bytes: int = 1_000_000_000
    """Memory of DuckDB for questions and flushes together; beyond it, it uses the disk."""
    threads: int = 2


class Database:
    """The database of a store, open from its first use on. Any thread may use it."""

    def __init__(self, folder: Path, path: Path, options: Options) -> None:
        self._folder, self._path, self._options = folder, path, options
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._closed = False

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of one's own.

        Raises:
            StoreError: the database cannot be opened, or was closed.
        """
        with self._lock:
            if self._closed:
                raise StoreError(f"{self._path}: the store is closed")
            if self._connection is None:
                self._connection = connect(self._folder, self._path, self._options)
            return self._connection.cursor()

    def forget(self) -> None:
        """Close it until its next use, so that it keeps nothing in memory. Its cursors are closed with it; nobody may use one meanwhile."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def close(self) -> None:
        """Close it for good."""
        self._closed = True
        self.forget()


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
