"""Processing alone, from the log to the store, against a plain insert of the same rows; and what duplicates and kinds of ids change."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa

from bench.figures import Figure, Limit
from bench.run_of import Setting
from bench.system import Trouble, rss_mib
from ecompulse.contract.columns import LOGGED
from ecompulse.contract.ddl import duckdb_events
from ecompulse.guard.privacy import scrub
from ecompulse.log.sqlite import SqliteAppender, SqliteReader
from ecompulse.process.engine import Engine
from ecompulse.process.identify import Ids
from ecompulse.process.step import Context, Steps
from ecompulse.process.steps import default_steps
from ecompulse.simulate.arrow import record_batches
from ecompulse.simulate.options import Options, plan
from ecompulse.store import Addition
from ecompulse.store.duckdb import DuckDBStore
from ecompulse.store.duckdb.tail import ROWS, logical

EVENTS_A_SECOND: Final = 60_000
"""Events prepared for each second that a measurement may take."""
ENTRY: Final = 4_096
ROW_GROUP: Final = 122_880
AFTER_MILLIONS: Final = float(os.environ.get("AFTER", "2"))
"""Ids that a store knows before `duplicates` is measured again, in millions; AFTER=50 takes 2.4 GB of disk."""


def processing(setting: Setting) -> list[Figure]:
    """Everything between the log and a row on disk, in one process, in turn with an insert of the rows that came of it."""
    count = int(EVENTS_A_SECOND * setting.seconds)
    _warm_up(setting.folder)
    _append(setting.folder / "log", _events(count))
    ours, plain, cpu = [], [], []
    for turn in range(2):
        folder = setting.folder / f"store-{turn}"
        added: list[pa.RecordBatch] = []
        per_second, used, _ = processed(setting.folder / "log", folder, added)
        ours.append(per_second)
        cpu.append(used)
        plain.append(_inserted(pa.Table.from_batches(added, ROWS), setting.folder / f"plain-{turn}.duckdb"))
    shutil.rmtree(setting.folder / "log")
    detail = {
        "events": count,
        "rounds": [round(one) for one in ours],
        "limit_rounds": [round(one) for one, _ in plain],
        "cpu_us_an_event": [round(one, 2) for one in cpu],
        "limit_cpu_us_an_event": [round(one, 2) for _, one in plain],
    }
    title = "Processing alone: log to store, with steps, duplicates, sums, sessions"
    limit = Limit("inserting the same rows into an empty DuckDB table", max(one for one, _ in plain))
    return [Figure("processing", title, max(ours), "events/s", limit, detail)]


def duplicates(setting: Setting) -> list[Figure]:
    """The same with 0, 10 and 50 % of events sent twice, and ids of version 7 and 4, into a store without ids and one with many.

    Each twice, in turn, and the better one counts: whoever comes first finds no memory warm.
    """
    count = int(EVENTS_A_SECOND * setting.seconds / 2)
    events, figures, base = _events(count), [], 0.0
    _warm_up(setting.folder)
    for version in (7, 4):
        known = _known_ids(setting.folder / f"known-{version}.run", version)
        for percent in (0, 10, 50):
            log, kind = setting.folder / f"log-{version}-{percent}", f"v{version}-{percent}"
            batch = _repeated(_with_ids(events, version), percent)
            _append(log, batch)
            turns = [(_once(log, setting.folder / f"store-{kind}"), _once(log, setting.folder / f"after-{kind}", known)) for _ in range(2)]
            (per_second, cpu, rows), (late, late_cpu, late_rows) = (max(column) for column in zip(*turns, strict=True))
            if (rows, late_rows) != (count - int(count * percent / 100),) * 2:
                raise Trouble(f"{rows} and {late_rows} rows of {count} events with {percent} % duplicates")
            shutil.rmtree(log)
            base = base or per_second
            limit = None if (version, percent) == (7, 0) else Limit("UUIDv7 without duplicates", base)
            title = f"Processing alone: {percent} % duplicates, UUIDv{version}"
            detail = {"events": len(batch), "rows": rows, "cpu_us_an_event": round(cpu, 2)}
            figures.append(Figure(f"duplicates-{kind}", title, per_second, "events/s", limit, detail))
            told = {**detail, "cpu_us_an_event": round(late_cpu, 2), "rss_mib": round(rss_mib(os.getpid()))}
            limit = Limit("the same into an empty store", per_second)
            title += f", after {AFTER_MILLIONS:g} million ids"
            figures.append(Figure(f"duplicates-after-{kind}", title, late, "events/s", limit, told))
    return figures


def _once(log: Path, folder: Path, known: Path | None = None) -> tuple[float, float, int]:
    """`processed` into a store that is deleted afterwards; one that knows many ids already where they are given."""
    (folder / "ids").mkdir(parents=True)
    if known is not None:
        os.link(known, folder / "ids" / known.name)
    found = processed(log, folder, before=None if known is None else known.name)
    shutil.rmtree(folder)
    return found


def _known_ids(path: Path, version: int) -> Path:
    """A run of ids as so many events would have left it: of version 7 from the days before, of version 4 in no order of time."""
    count, random = int(AFTER_MILLIONS * 1_000_000), np.random.default_rng(8)
    columns = np.memmap(path, np.uint64, "w+", shape=(3, count))
    for start in range(0, count, 1_000_000):  # in order already: each million from a range of its own
        end = min(count, start + 1_000_000)
        part = np.sort(random.integers(start * 2**63 // count, end * 2**63 // count, end - start, np.uint64) * np.uint64(2))
        if version == 7:
            now = time.time_ns() // 1_000_000 - 10 * 86_400_000
            times = np.uint64(now) + np.arange(start, end, dtype=np.uint64) // np.uint64(200)
            part = times << np.uint64(16) | part >> np.uint64(52) | np.uint64(0x7000)
            part.sort()
        else:
            part = part & ~np.uint64(0xF000) | np.uint64(0x4000)
        columns[0, start:end] = part
        columns[1:, start:end] = random.integers(0, 2**63, (2, end - start), np.uint64)
    columns.flush()
    return path


def logged(folder: Path, count: int) -> None:
    """Append so many events to the log in `folder`, wherever it ends."""
    _append(folder, _with_ids(_events(count), 7))


def _warm_up(folder: Path) -> None:
    """What is loaded once in a process (regular expressions, plans) must not count for whoever comes first."""
    _append(folder / "warm-log", _events(20_000))
    processed(folder / "warm-log", folder / "warm-store")


def _events(count: int) -> pa.RecordBatch:
    batches, have = [], 0
    for batch in record_batches(plan(Options(seed=11, events=count, rate="max"))):
        batches.append(scrub(batch, "truncated"))
        have += len(batch)
        if have >= count:
            break
    return pa.Table.from_batches(batches, LOGGED).slice(0, count).combine_chunks().to_batches()[0]


def _with_ids(batch: pa.RecordBatch, version: int) -> pa.RecordBatch:
    """New ids: in the order of time for version 7, in none for version 4."""
    raw = np.random.default_rng(5).integers(0, 256, (len(batch), 16), np.uint8)
    if version == 7:
        now = time.time_ns() // 1_000_000 + np.arange(len(batch)) // 200
        raw[:, :6] = now.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 2:]
    raw[:, 6] = (raw[:, 6] & 0x0F) | (version << 4)
    raw[:, 8] = (raw[:, 8] & 0x3F) | 0x80
    ids = pa.Array.from_buffers(pa.binary(16), len(batch), [None, pa.py_buffer(raw.tobytes())])
    return batch.set_column(0, LOGGED.field("event_id"), ids)


def _repeated(batch: pa.RecordBatch, percent: int) -> pa.RecordBatch:
    """As many events, of which `percent` are repetitions of one up to some 50,000 before."""
    count, random = len(batch), np.random.default_rng(6)
    again = np.zeros(count, bool)
    again[random.choice(np.arange(count // 50, count), int(count * percent / 100), replace=False)] = True
    fresh = np.cumsum(~again) - 1
    back = np.maximum(0, fresh - random.integers(0, 50_000, count))
    return batch.take(pa.array(np.where(again, back, fresh)))


def _append(folder: Path, batch: pa.RecordBatch) -> None:
    appender = SqliteAppender(folder, 0)
    for start in range(0, len(batch), ENTRY):
        appender.append(batch.slice(start, ENTRY), [])
    appender.close()


class _Watched(DuckDBStore):
    """A store that keeps a list of what was added to it."""

    added: list[pa.RecordBatch] | None = None

    def add(self, addition: Addition) -> None:
        if self.added is not None:
            self.added.append(logical(addition.rows))
        super().add(addition)


def processed(log: Path, folder: Path, added: list[pa.RecordBatch] | None = None, before: str | None = None) -> tuple[float, float, int]:
    """Events a second and CPU microseconds an event from the log into a store, new or not, all written; and the rows that it has."""
    steps: Any = Steps(default_steps())
    store = _Watched(folder)
    store.added = added
    names = store.id_runs() if before is None else [before]
    engine = Engine(SqliteReader(log, "bench"), store, Ids(folder / "ids", names), steps, Context())
    taken, cpu, began = 0, time.process_time(), time.perf_counter()
    while got := engine.round():
        engine.flush_when_due()
        taken += got
    engine.flush()
    seconds, used = time.perf_counter() - began, time.process_time() - cpu
    with store.snapshot() as picture:
        rows = picture.query("select count(*) as n from events").to_pylist()[0]["n"]
    engine.close()
    store.close()
    return taken / seconds, used * 1e6 / taken, rows


def _inserted(rows: pa.Table, path: Path) -> tuple[float, float]:
    """Events a second and CPU microseconds an event of inserting rows into an empty table, a row group at a time."""
    pieces = [rows.slice(start, ROW_GROUP).combine_chunks() for start in range(0, len(rows), ROW_GROUP)]
    with duckdb.connect(str(path)) as target:
        target.execute(duckdb_events())
        cpu, began = time.process_time(), time.perf_counter()
        for piece in pieces:
            target.register("piece", piece)
            target.execute("insert into events select * from piece").fetchall()
            target.unregister("piece")
        target.execute("checkpoint")
        seconds, used = time.perf_counter() - began, time.process_time() - cpu
    path.unlink()
    return len(rows) / seconds, used * 1e6 / len(rows)
