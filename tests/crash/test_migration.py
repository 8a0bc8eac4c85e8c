"""A store of an older version is brought up whole, with all that it has, also when it is killed over it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from tests.conftest import RunningSystem
from tests.crash.harness import Account, each_is_there_once, load, progress

from ecompulse.store.duckdb.relations import MIGRATIONS, REMADE

STORE, WAL = "stores/main/events.duckdb", "stores/main/events.duckdb.wal"
OPEN = """
import os, pathlib, sys
from ecompulse.store.duckdb.connect import Options
from ecompulse.store.duckdb.database import DuckDBStore
DuckDBStore(pathlib.Path(sys.argv[1]), Options(threads=1))  # strace counts the calls of each thread
os._exit(0)
"""
"""What a role does with its store first: it ends before anything else could be written."""
CALLS = ("write", "fdatasync")
"""What a migration does to the store's write-ahead log."""


def make_older(now: Path, older: Path, version: int) -> None:
    """Make a store of an older version that holds what the store `now` has, as far as that version knows it.

    Sums that a later version makes anew are left out: what they were before is of no use to it.
    """
    with duckdb.connect(str(older)) as connection:
        if not version:
            return
        connection.execute("create table version (version integer not null)")
        for number, statements in enumerate(MIGRATIONS[:version], 1):
            for statement in statements:
                connection.execute(statement)
            connection.execute("insert into version values (?)", [number])
        connection.execute(f"attach '{now}' as present (read_only)")
        known = columns(connection, "present")
        anew = [table for number, tables in REMADE.items() if number > version for table in tables]
        for table, names in columns(connection, "older").items():
            if table not in {"version", *anew}:
                common = ", ".join(f'"{name}"' for name in names if name in known.get(table, []))
                connection.execute(f"insert into {table} ({common}) select {common} from present.{table}")


def columns(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, list[str]]:
    """Tables of a database and their columns."""
    found: dict[str, list[str]] = {}
    sql = "select table_name, column_name from duckdb_columns() where database_name = ? and not internal order by table_name, column_index"
    for table, column in connection.execute(sql, [database]).fetchall():
        found.setdefault(table, []).append(column)
    return found


def whole_version(path: Path) -> int:
    """The version of a store, whose tables must be all that it has, and no others."""
    with duckdb.connect(str(path)) as connection, duckdb.connect(":memory:") as reference:
        seen = columns(connection, path.stem)
        version = connection.execute("select coalesce(max(version), 0) from version").fetchall()[0][0] if "version" in seen else 0
        for statement in [statement for statements in MIGRATIONS[:version] for statement in statements]:
            reference.execute(statement)
        assert {table: names for table, names in seen.items() if table != "version"} == columns(reference, "memory")
    return int(version)


@pytest.fixture(scope="module")
def stopped(busy_system: RunningSystem) -> tuple[RunningSystem, Account, Path]:
    """A system with some data, stopped; the account of its senders; a copy of its store's folder."""
    busy_system.start()
    with load(busy_system, seed=1) as account:
        progress(account, 3_000)
    busy_system.stop()
    copy = busy_system.folder / "now"
    shutil.copytree((busy_system.data / STORE).parent, copy)
    return busy_system, account, copy


def put_back(system: RunningSystem, copy: Path, version: int) -> None:
    """Give the system a store of an older version in place of its own."""
    store, older = system.data / STORE, system.folder / "older.duckdb"
    shutil.rmtree(store.parent)
    shutil.copytree(copy, store.parent)
    make_older(store, older, version)
    older.replace(store)


@pytest.mark.parametrize("version", range(len(MIGRATIONS)))
def test_a_store_of_each_older_version_is_brought_up_with_its_data(stopped: tuple[RunningSystem, Account, Path], version: int) -> None:
    system, account, copy = stopped
    put_back(system, copy, version)
    system.start()
    try:
        each_is_there_once(system, account)
    finally:
        system.stop()
    assert whole_version(system.data / STORE) == len(MIGRATIONS)


@pytest.mark.parametrize("version", sorted({0, len(MIGRATIONS) - 1}))
def test_a_kill_while_a_store_is_brought_up_leaves_it_whole(stopped: tuple[RunningSystem, Account, Path], version: int) -> None:
    """At each write and each sync of its migrations; what the last kill left is then brought up by a run."""
    system, account, copy = stopped
    put_back(system, copy, version)
    seen = traced(system)[1]
    for call in CALLS:
        many = len(re.findall(rf"^\d+ +{call}\(", seen, re.MULTILINE))
        assert many, seen
        for when in range(1, many + 1):
            put_back(system, copy, version)
            assert traced(system, "-e", f"inject={call}:signal=KILL:when={when}")[0] == -signal.SIGKILL  # strace ends as what it started
            left = whole_version(system.data / STORE)
            assert left >= version
            assert left == version or (call, when) != ("write", 1), "what was not written is not there"
    system.start()
    try:
        each_is_there_once(system, account)
    finally:
        system.stop()
    assert whole_version(system.data / STORE) == len(MIGRATIONS)


def traced(system: RunningSystem, *options: str) -> tuple[int, str]:
    """Open the store under strace, looking at its write-ahead log alone; returns how that ended, and the calls."""
    out = system.folder / "calls"
    opener = [sys.executable, "-c", OPEN, str((system.data / STORE).parent)]
    command = ["strace", "-f", "-qq", "-o", str(out), "-P", str(system.data / WAL), "-e", "trace=" + ",".join(CALLS), *options, *opener]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
    return done.returncode, out.read_text(errors="replace")
