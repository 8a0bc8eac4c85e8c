"""Microseconds of processor time an event in each room: the room's own functions, alone, on the same events.

Run `python -m bench.rooms` (or `make bench ONLY=rooms`). At the door the smallest of several times counts, as
everything else is the machine's noise; of rounds, which keep what they make, the middle one.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import numpy as np
import pyarrow as pa

from bench.figures import ROOM, Figure
from bench.requests import batches, shop_events
from bench.segment import segment_batch
from ecompulse.collect.dialects.document import elements_at, mapped
from ecompulse.collect.dialects.segment import to_event
from ecompulse.collect.recent import Recent
from ecompulse.contract.check import Checked, check
from ecompulse.contract.columns import LOGGED
from ecompulse.contract.convert import to_columns
from ecompulse.contract.own import PACE_SECONDS
from ecompulse.contract.read import Read, read_events
from ecompulse.contract.rows import EventRows
from ecompulse.contract.rules import violations
from ecompulse.guard.privacy import scrub
from ecompulse.log.sqlite import SqliteAppender, SqliteReader, file, packed
from ecompulse.process import outcomes
from ecompulse.process.engine import ROUND_EVENTS, TAIL_ROWS, stored
from ecompulse.process.engine import placed as join_placed
from ecompulse.process.fingerprint import fingerprints
from ecompulse.process.identify import Ids
from ecompulse.process.step import Context
from ecompulse.process.steps import default_steps
from ecompulse.store import Addition, LedgerKey
from ecompulse.store.duckdb import DuckDBStore

REPEATS: Final = 5
READ_EVENTS: Final = 6_400
"""Events that are read: some hold what the contract does not name, and a body with one of those takes longer. Groups are of their first."""
GROUPS: Final = (1, 100, 2_000)
"""Events that a collector handles at once."""
ROUND_SIZES: Final = (100, 2_000, ROUND_EVENTS)
"""Events that the engine takes at once: of a calm shop, at full load (two to three thousand), and when it catches up."""
ENTRY: Final = 2_048
"""Events of an entry of the log, at most."""
ROUNDS: Final = 50
"""Rounds of each size, as far as a tail goes."""


P = ParamSpec("P")
T = TypeVar("T")


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


def learn_names() -> None:
    """Have the contract learn what the events hold beside it, which it does at most once a second."""
    events = shop_events(READ_EVENTS)
    for kind in (events, [with_own_property(event) for event in events]):
        for body in batches(kind, 100):
            read_events(body)
        time.sleep(PACE_SECONDS)


def read_segment(body: bytes) -> Read:
    """The events of a batch of Segment's."""
    around, messages = elements_at(body, "batch")
    return mapped(messages, lambda message: to_event(message["type"], message, around, "default"))


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
    foreign = [segment_batch(many[start : start + size]) for start in range(0, len(many), size)]
    rows = [
        row("contract", "read: bytes to structs", lambda: [read_events(body) for body in usual], READ_EVENTS),
        row("contract", "… read: each with a property of its own", lambda: [read_events(body) for body in own], READ_EVENTS),
        row("contract", "… read: a batch of Segment's SDK", lambda: [read_segment(body) for body in foreign], READ_EVENTS),
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


def engine(size: int, folder: Path) -> list[tuple[str, str, int, float]]:
    """From the log to the store, in rounds of so many events, each of other events, whose rows are kept as in a tail."""
    reader, taken, kept = SqliteReader(_logged(folder / f"rounds-{size}", size), "bench"), _Taken(size), []
    ids, ids4 = (Ids(folder / f"ids-{version}-{size}") for version in (7, 4))
    random, context, positions = np.random.default_rng(1), Context(), {0: 0}
    while entries := taken("log", "read: entries, unpacked", reader.read, positions, size):
        positions = {entry.partition: entry.offset + entry.count for entry in entries}
        placed = taken("process", "placed: one batch, offsets", join_placed, entries)
        assert placed is not None
        prints = taken("process", "fingerprint", fingerprints, placed.select(LOGGED.names))
        raw = random.integers(0, 256, (len(placed), 16), np.uint8)
        taken("process", "identify: new ids, UUIDv4", ids4.classify, raw.tobytes(), prints)
        raw[:, :6] = np.frombuffer((time.time_ns() // 1_000_000).to_bytes(6, "big"), np.uint8)
        taken("process", "identify: new ids, UUIDv7", ids.classify, raw.tobytes(), prints)
        batch = placed.append_column("fingerprint", pa.array(prints, pa.uint64()))
        for name, step in default_steps():
            batch = taken("process", f"step {name}", step, batch, context)
        rows = taken("process", "stored: exactly the columns", stored, batch)
        taken("process", "counted for the ledger", outcomes.count, Counter[LedgerKey](), rows, "stored")
        kept.append(rows)
    return taken.rows() + (_flush(kept, folder) if sum(map(len, kept)) == TAIL_ROWS else [])


class _Taken:
    """Runs a function once a round; remembers the processor time that it took, and tells the middle of them."""

    def __init__(self, events: int) -> None:
        self._events = events
        self._seconds: dict[tuple[str, str], list[float]] = {}

    def __call__(self, room: str, what: str, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        began = time.process_time()
        result = work(*given, **named)
        self._seconds.setdefault((room, what), []).append(time.process_time() - began)
        return result

    def rows(self) -> list[tuple[str, str, int, float]]:
        return [(*name, self._events, statistics.median(seconds) * 1e6 / self._events) for name, seconds in self._seconds.items()]


def _logged(folder: Path, size: int) -> Path:
    """A log for some rounds of so many events, in entries as a busy collector writes them; for the largest rounds a whole tail."""
    entry, now = min(size, ENTRY), time.time_ns() // 1000
    lines = shop_events(min(TAIL_ROWS, ROUNDS * size))
    appender = SqliteAppender(folder, 0)
    for start in range(0, len(lines), entry):
        body = b"[" + b",".join(lines[start : start + entry]) + b"]"
        appender.append(scrub(check(read_events(body).events, now).held, "truncated"), [])
    appender.close()
    return folder


def _flush(kept: list[pa.RecordBatch], folder: Path) -> list[tuple[str, str, int, float]]:
    store = DuckDBStore(folder / "store")
    adding, flushing = [], []
    for turn in range(4):
        began = time.process_time()
        for place, rows in enumerate(kept):
            store.add(Addition(rows, [], {}, {0: turn * TAIL_ROWS + place + 1}))
        adding.append((time.process_time() - began) * 1e6 / TAIL_ROWS)
        store.freeze()
        began = time.process_time()
        store.flush([], {})
        flushing.append((time.process_time() - began) * 1e6 / TAIL_ROWS)
    store.close()
    return [("store", "add to the tail", TAIL_ROWS, min(adding)), ("store", "flush of a tail: two threads", TAIL_ROWS, min(flushing))]


def table() -> list[tuple[str, str, int, float]]:
    """All rooms."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        learn_names()
        return [row for size in GROUPS for row in door(size, folder)] + [row for size in ROUND_SIZES for row in engine(size, folder)]


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
