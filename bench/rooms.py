"""Microseconds of processor time an event in each room: the room's own functions, alone, on the same events.

Run `python -m bench.rooms` (or `make bench ONLY=rooms`). The smallest of several times counts: everything else is the machine's noise.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from bench.figures import Figure
from bench.requests import batches, shop_events
from ecompulse.collect.recent import Recent
from ecompulse.contract.check import Checked, check
from ecompulse.contract.columns import LOGGED
from ecompulse.contract.convert import to_columns
from ecompulse.contract.read import read_events
from ecompulse.contract.rows import EventRows
from ecompulse.contract.rules import violations
from ecompulse.guard.privacy import scrub
from ecompulse.log.sqlite import SqliteAppender, SqliteReader, file, packed
from ecompulse.process.engine import placed as join_placed
from ecompulse.process.engine import stored
from ecompulse.process.fingerprint import fingerprints
from ecompulse.process.identify import Ids
from ecompulse.process.step import Context
from ecompulse.process.steps import default_steps
from ecompulse.store import Addition
from ecompulse.store.duckdb import DuckDBStore

REPEATS: Final = 5
READ_EVENTS: Final = 6_400
"""Events that are read: some hold what the contract does not name, and a body with one of those takes longer. Groups are of their first."""
ROOM: Final = "room-"
"""How names of these figures begin."""


def timed(work: Callable[[], Any], events: int, repeats: int = REPEATS) -> float:
    """Microseconds of processor time an event, all threads, of the quickest of several runs."""
    work()
    best = float("inf")
    for _ in range(repeats):
        began = time.process_time()
        for _ in range(max(1, 2_000 // events)):
            work()
        best = min(best, time.process_time() - began)
    return best * 1e6 / (events * max(1, 2_000 // events))


def with_own_property(event: bytes) -> bytes:
    """The same event with a property that the contract does not name."""
    return event.replace(b'"properties":{', b'"properties":{"color":"red",', 1)


def door(group: int, folder: Path) -> list[tuple[str, str, int, float]]:
    """From a request's bytes to the log, for groups of so many events."""
    many = shop_events(READ_EVENTS)
    events = many[:group]
    size = min(group, 100)
    bodies = batches(events, size)
    read = EventRows.joined([read_events(body).events for body in bodies])
    now = time.time_ns() // 1000
    columns = to_columns(read, now)
    checked: Checked = check(read, now)
    clean = scrub(checked.held, "truncated")
    recent = Recent()
    schema, content = packed.pack(clean)
    appender = SqliteAppender(folder / f"log-{group}", 0)
    repeats = REPEATS if group > 1 else 2

    def row(room: str, what: str, work: Callable[[], Any], events: int = group) -> tuple[str, str, int, float]:
        return room, what, group, timed(work, events, repeats)

    usual, own = batches(many, size), batches([with_own_property(event) for event in many], size)
    rows = [
        row("contract", "read: bytes to structs", lambda: [read_events(body) for body in usual], READ_EVENTS),
        row("contract", "… read: each with a property of its own", lambda: [read_events(body) for body in own], READ_EVENTS),
        row("contract", "check: all of it", lambda: check(read, now)),
        row("contract", "… to_columns: structs to columns", lambda: to_columns(read, now)),
        row("contract", "… violations: the rules", lambda: violations(columns)),
        row("guard", "scrub: addresses and secrets", lambda: scrub(checked.held, "truncated")),
        row("log", "pack: dense columns, words, zstd", lambda: packed.pack(clean)),
        row("log", "append: pack, write, fsync", lambda: appender.append(clean, [])),
        row("collect", "recent: duplicates told to senders", lambda: recent.duplicates(clean, checked.sizes)),
        row(
            "log",
            "unpack",
            lambda: file.unpack(0, (0, len(clean), schema, content, None, file.checksum(0, len(clean), content, None)), folder),
        ),
    ]
    appender.close()
    return rows


def engine(folder: Path, count: int = 32_768) -> list[tuple[str, str, int, float]]:
    """From the log to the store, for one full round of the engine."""
    now = time.time_ns() // 1000
    appender = SqliteAppender(folder / "log", 0)
    lines = shop_events(count)
    for start in range(0, count, 4_096):
        body = b"[" + b",".join(lines[start : start + 4_096]) + b"]"
        appender.append(scrub(check(read_events(body).events, now).held, "truncated"), [])
    appender.close()
    reader = SqliteReader(folder / "log", "bench")
    entries = reader.read({}, count)
    placed = join_placed(entries)
    assert placed is not None
    context, rows = Context(), []
    rows.append(("log", "read: entries of 4,096, unpacked", count, timed(lambda: reader.read({}, count), count)))
    rows.append(("process", "placed: one batch, offsets", count, timed(lambda: join_placed(entries), count)))
    logged = placed.select(LOGGED.names)
    rows.append(("process", "fingerprint", count, timed(lambda: fingerprints(logged), count)))
    prints = fingerprints(logged)
    random = np.random.default_rng(1)
    for version in (7, 4):
        ids = Ids(folder / f"ids{version}")
        taken = []
        for turn in range(12):
            raw = random.integers(0, 256, (count, 16), np.uint8)
            if version == 7:
                raw[:, :6] = np.frombuffer((now // 1000 + turn).to_bytes(6, "big"), np.uint8)
            began = time.process_time()
            ids.classify(raw.tobytes(), prints)
            taken.append((time.process_time() - began) * 1e6 / count)
            if turn % 4 == 3:
                ids.freeze()
                ids.write()
                ids.forget()
        rows.append(("process", f"identify: new ids, UUIDv{version}", count, sorted(taken)[len(taken) // 2]))
    batch = placed.append_column("fingerprint", pa.array(prints, pa.uint64()))
    for name, step in default_steps():
        rows.append(("process", f"step {name}", count, timed(lambda step=step, batch=batch: step(batch, context), count)))  # type: ignore[misc]  # bound as defaults
        batch = step(batch, context)
    rows.append(("process", "stored: exactly the columns", count, timed(lambda: stored(batch), count)))
    done = stored(batch)
    rows += _store(folder, done)
    return rows


def _store(folder: Path, done: pa.RecordBatch) -> list[tuple[str, str, int, float]]:
    count = len(done)
    store = DuckDBStore(folder / "store")
    adding, flushing = [], []
    for turn in range(4):
        for part in range(4):
            began = time.process_time()
            store.add(Addition(done, [], {}, {0: (4 * turn + part + 1) * count}))
            adding.append((time.process_time() - began) * 1e6 / count)
        store.freeze()
        began = time.process_time()
        store.flush([], {})
        flushing.append((time.process_time() - began) * 1e6 / (4 * count))
    store.close()
    return [("store", "add to the tail", count, min(adding)), ("store", "flush of 131,072 rows: two threads", 4 * count, min(flushing))]


def table() -> list[tuple[str, str, int, float]]:
    """All rooms."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [*door(1, folder), *door(100, folder), *door(2_000, folder), *engine(folder)]


def rooms() -> list[Figure]:
    """The table as figures."""
    return [
        Figure(
            f"{ROOM}{room}-{what}-{at_once}",
            f"{room}: {what}, {at_once:,} at once",
            microseconds,
            "µs/event",
            None,
            {"row": [room, what, at_once]},
        )
        for room, what, at_once, microseconds in table()
    ]


if __name__ == "__main__":
    for one in rooms():
        sys.stdout.write(f"{one.title:60} {one.value:9.2f} µs\n")
