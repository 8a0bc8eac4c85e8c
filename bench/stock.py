"""A data folder whose store holds 1, 10 or 100 million events, made once and kept: a stretch that the engine wrote, copied along time.

The first million events (2.4 hours of a shop with 10 million a day) go through the engine as usual. Each further stretch is a copy of every
row of every table inside the database, 2.4 hours later, with ids, visitors and sessions of its own: so sums, sessions, identities, ids and
ledger agree as if the engine had written them, `ecompulse verify` finds nothing, and the rows lie in the order of time, as they would.
What a copy cannot show: visitors that come back after 2.4 hours (here every stretch has new ones, which is the most there can be), and
additions of other sizes than the engine made of the first stretch.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np

from bench.system import Trouble
from ecompulse.contract.columns import LOGGED
from ecompulse.guard.privacy import scrub
from ecompulse.log.sqlite import SqliteAppender, SqliteReader, file
from ecompulse.process.engine import TAIL_ROWS, Engine
from ecompulse.process.identify import Ids
from ecompulse.process.step import Context, Steps
from ecompulse.process.steps import default_steps
from ecompulse.simulate.arrow import record_batches
from ecompulse.simulate.options import Options, plan
from ecompulse.store.duckdb import DuckDBStore, relations

CACHE: Final = Path(os.environ.get("ECOMPULSE_BENCH_CACHE", Path.home() / ".cache" / "ecompulse-bench"))
STRETCH_EVENTS: Final = 1_000_000
STRETCH_MINUTES: Final = 144
"""A tenth of a day: 10 million events a day, and minutes stay minutes."""
RATE: Final = STRETCH_EVENTS / (STRETCH_MINUTES * 60)
ENTRY_EVENTS: Final = 4_096
BYTES_AN_EVENT: Final = 260
"""Room that is asked for before a store is made: twice what it takes, for the write-ahead log and free blocks beside it."""
NAMES: Final = ("user_id", "anonymous_id", "session_id", "order_id")
"""Columns whose texts differ from stretch to stretch."""
KEYS: Final = {f"{name}_key": f"{name}_id" for name in ("user", "anonymous")}
"""Columns made of such texts."""


def stocked(millions: int) -> Path:
    """The data folder with so many million events; made now if it is not there. Nobody may write to it: see `copied`.

    Raises:
        Trouble: the disk has not room enough.
    """
    folder = CACHE / f"store-{millions}M-{_version()}"
    if folder.exists():
        return folder
    _room(millions * STRETCH_EVENTS * BYTES_AN_EVENT)
    made = CACHE / f"{folder.name}.{os.getpid()}"
    shutil.rmtree(made, ignore_errors=True)
    try:
        _first_stretch(made, millions)
        _copies(made, millions)
        made.replace(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder


def copied(millions: int, folder: Path) -> Path:
    """A copy of the data folder with so many million events, to be written to; blocks are shared where the file system can."""
    source = stocked(millions)
    _room(sum(path.stat().st_size for path in source.rglob("*") if path.is_file()), folder.parent)
    shutil.copytree(source, folder, copy_function=_copy)
    return folder


def span(folder: Path) -> tuple[float, float]:
    """From the first event's time to the last one's, in seconds since 1970."""
    with duckdb.connect(str(folder / "stores" / "main" / "events.duckdb"), read_only=True) as store:
        first, last = store.execute("select epoch(min(timestamp)), epoch(max(timestamp)) from events").fetchall()[0]
    return first, last


def _copy(source: str, target: str) -> str:
    with open(source, "rb") as read, open(target, "wb") as written:  # noqa: PTH123 — shutil gives texts
        size = os.fstat(read.fileno()).st_size
        while size > 0 and (done := os.copy_file_range(read.fileno(), written.fileno(), size)):
            size -= done
    return target


def _room(needed: int, where: Path = CACHE) -> None:
    where.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(where).free
    if free < needed + 2_000_000_000:
        raise Trouble(
            f"{where} has {free / 1e9:.0f} GB free, this needs {needed / 1e9:.0f} and leaves 2: ask for a smaller SIZE, "
            "or set ECOMPULSE_BENCH_CACHE to another disk"
        )


def _version() -> str:
    """Changes with whatever decides what is in a store."""
    told = (relations.MIGRATIONS, relations.SUMS, relations.IDENTITIES, LOGGED.to_string(), STRETCH_EVENTS)
    return hashlib.sha256(repr(told).encode()).hexdigest()[:8]


def _first_stretch(folder: Path, millions: int) -> None:
    begin = int(time.time() // 60) * 60 - millions * STRETCH_MINUTES * 60
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begin))
    appender, have = SqliteAppender(folder / "log", 0), 0
    for batch in record_batches(plan(Options(seed=11, events=STRETCH_EVENTS, rate=RATE, start=start))):
        taken = scrub(batch.slice(0, STRETCH_EVENTS - have), "truncated")
        have += len(taken)
        for at in range(0, len(taken), ENTRY_EVENTS):
            appender.append(taken.slice(at, ENTRY_EVENTS), [])
        if have >= STRETCH_EVENTS:
            break
    appender.close()
    store = DuckDBStore(folder / "stores" / "main")
    steps: Any = Steps(default_steps())
    engine = Engine(SqliteReader(folder / "log"), store, Ids(folder / "stores" / "main" / "ids"), steps, Context())
    while engine.round():
        engine.flush_when_due()
    engine.close()
    store.close()


def _copies(folder: Path, stretches: int) -> None:
    """Copy what the first stretch left, `stretches - 1` times, and say so wherever the store counts."""
    store = folder / "stores" / "main"
    with duckdb.connect(
        str(store / "events.duckdb"), config={"threads": 2, "memory_limit": "2GB", "checkpoint_threshold": "16TB"}
    ) as writer:
        writer.execute("set TimeZone = 'UTC'")
        tables = {name: writer.execute(f"select column_name, column_type from (describe {name})").fetchall() for name in _copied(writer)}
        counts = {name: writer.execute(f"select count(*) from {name}").fetchall()[0][0] for name in tables}
        for number in range(1, stretches):
            writer.begin()
            first = number * counts["events"]
            for name, columns in tables.items():
                moved = ", ".join(_moved(f'"{column}"', kind, number) for column, kind in columns)
                writer.execute(f"insert into {name} select {moved} from {name} where rowid < {counts[name]}")
            writer.commit()  # only then the rows have numbers of the table
            for start in range(first, first + counts["events"], TAIL_ROWS):  # whose hours do not begin where those of the first stretch do
                end = min(start + TAIL_ROWS, first + counts["events"])
                flushed = f"(select * from events where rowid >= {start} and rowid < {end})"
                writer.execute(f"insert into session_parts {relations.SESSION_PARTS.format(rows=flushed)}")
            if number % 10 == 0 or number == stretches - 1:
                writer.execute("checkpoint")
                print(f"  {number + 1} of {stretches} million events are in the store", file=sys.stderr, flush=True)
        writer.execute(f"update ledger set count = count * {stretches}")
        writer.execute(f'update positions set "offset" = "offset" * {stretches}')
        end = int(writer.execute('select "offset" from positions').fetchall()[0][0])
        runs = [name for (name,) in writer.execute("select name from id_runs").fetchall()]
        writer.execute("update id_runs set name = 'all.run' where name = ?", [runs[0]])
        writer.execute("delete from id_runs where name <> 'all.run'")
        writer.execute("checkpoint")
    _ids(store / "ids", runs, stretches)
    shutil.rmtree(folder / "log")
    path = file.path_of(folder / "log", 0, end)  # an empty file that begins where the store is
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as log:
        log.execute("pragma journal_mode = wal")
        log.executescript(file.SCHEMA)
    log.close()


def _copied(writer: duckdb.DuckDBPyConnection) -> list[str]:
    """Tables of rows that are copied; what is left counts, says how far the store is, or is cut by the hour."""
    once = ("session_parts", "dead_letters", "ledger", "positions", "id_runs", "state", "flushes", "version")
    return [name for (name,) in writer.execute("select table_name from duckdb_tables()").fetchall() if name not in once]


def _moved(column: str, kind: str, number: int) -> str:
    """A column of a stretch's copy: times later, ids of that time, names of its own."""
    name = column.rpartition(".")[2].strip('"')
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"{column} + interval {number * STRETCH_MINUTES} minute"
    if kind == "UUID":  # of version 7, which begins with milliseconds
        return f"({column}::uhugeint + {number * STRETCH_MINUTES * 60_000 << 80}::uhugeint)::uuid"
    if name in KEYS:
        return f"md5_number({_moved(column.replace(name, KEYS[name]), 'VARCHAR', number)})"
    if kind == "VARCHAR" and name in NAMES:
        return f"{column} || '-{number}'"
    if name == "log_offset":
        return f"{column} + {number * STRETCH_EVENTS}"
    if kind.startswith("STRUCT(") and "[]" not in kind:
        fields = [field.strip().split(" ", 1) for field in _split(kind.removeprefix("STRUCT(").removesuffix(")"))]
        inner = ", ".join(f"{field} := {_moved(f'{column}.{field}', of, number)}" for field, of in fields)
        return f"case when {column} is not null then struct_pack({inner}) end"
    return column


def _split(text: str) -> list[str]:
    """The fields of a struct's type."""
    found, depth, begin = [], 0, 0
    for at, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth:
            found.append(text[begin:at])
            begin = at + 1
    return [*found, text[begin:]]


def _ids(folder: Path, runs: Sequence[str], stretches: int) -> None:
    """All ids in order as one run: those of a stretch are later than those of the one before, but for a few at the border."""
    first = [np.memmap(folder / name, np.uint64, "r").reshape(3, -1) for name in runs]
    words = np.concatenate(first, axis=1)
    words = words[:, np.lexsort((words[1], words[0]))]
    step, count = np.uint64(STRETCH_MINUTES * 60_000 << 16), words.shape[1]
    out = np.memmap(folder / "all.run", np.uint64, "w+", shape=(3, count * stretches))
    waiting, at = np.empty((3, 0), np.uint64), 0
    for number in range(stretches):
        ready = words.copy()
        ready[0] += step * np.uint64(number)
        ready = np.concatenate([waiting, ready], axis=1)
        ready = ready[:, np.lexsort((ready[1], ready[0]))]
        done = int(np.searchsorted(ready[0], words[0, 0] + step * np.uint64(number + 1))) if number + 1 < stretches else ready.shape[1]
        out[:, at : at + done] = ready[:, :done]
        waiting, at = ready[:, done:], at + done
    out.flush()
    del out, first
    for name in runs:
        (folder / name).unlink()


def main(arguments: Sequence[str]) -> None:
    """Make a store and say where: `python -m bench.stock 10`."""
    began = time.perf_counter()
    print(stocked(int(arguments[0])), f"({time.perf_counter() - began:.0f} s)")


if __name__ == "__main__":
    main(sys.argv[1:])
