"""The engine: reads the log, runs the steps, tells new events from duplicates, adds to the store, and has the store write what it has.

Each round takes what came since the last one, so its cost is shared by more events the more there are; a round begins at most every
`PACE_SECONDS`. Writing the tail to the database is another thread's work, and the next rounds go on beside it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Protocol

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Struct

from ecompulse.contract.columns import LOGGED, STORED, DeadLetter, nulls, widened
from ecompulse.contract.write import to_events
from ecompulse.log import DamagedEntry, Entry, LogError, Reader
from ecompulse.process.fingerprint import fingerprints
from ecompulse.process.identify import DUPLICATE, NEW, REUSED, Ids
from ecompulse.process.outcomes import GROUPED_BY, count, key_of
from ecompulse.process.step import Context, StepFailed, Steps
from ecompulse.store import Addition, LedgerKey, PlacedLetter, StoreError
from ecompulse.store.duckdb import DuckDBStore
from ecompulse.store.duckdb.relations import ROW_GROUP_ROWS

logger = logging.getLogger(__name__)

PACE_SECONDS: Final = 0.01
"""Rounds begin this far apart at least: each has some milliseconds of fixed cost, and freshness is promised to 100 ms. A round that takes
more than a third of it makes the next one wait for more company, up to `PACE_SECONDS_MAX`: a round of 2,000 events costs half of what
three of 700 do. Twice as long, an event under load could be queried 10 ms later, and 10,000 events a second cost 31 % of a core, not 38."""
ROUND_EVENTS: Final = 30_720
"""Events of a round at most: 50 ms of work, about 40 MB, and a quarter of a row group, so that a full tail is a whole one."""
TAIL_ROWS: Final = ROW_GROUP_ROWS
"""A row group of DuckDB. A transaction of whole ones goes past its write-ahead log, and no checkpoint writes them again. Any other number
of rows costs two to three times as much; and where it leaves a row group that is not full, one of the next checkpoints joins it with all
that follow, and writes those again. So the tail is cut where the table is a multiple of these."""
TAIL_SECONDS: Final = 10.0
"""By then a tail is written although it fills no row group: at a rate at which it does not, what that costs is little."""
PACE_SECONDS_MAX: Final = 0.015
RETRY_SECONDS_MAX: Final = 5.0
NO_ROWS: Final = pa.RecordBatch.from_pylist([], STORED)


class Limits(Struct, frozen=True):
    """When the tail is written."""

    tail_rows: int = TAIL_ROWS
    tail_seconds: float = TAIL_SECONDS


class Watch(Protocol):
    """What is told of each round, for metrics."""

    def __call__(self, *, events: int, seconds: float) -> None: ...


class Engine:
    """From log to store. `run` is a thread's work; `stop` ends it after the tail is written."""

    def __init__(
        self,
        reader: Reader,
        store: DuckDBStore,
        ids: Ids,
        steps: Steps,
        context: Context,
        *,
        limits: Limits | None = None,
        watch: Watch | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take up where the store's positions are; the steps' state must be restored already."""
        self._reader, self._store, self._ids = reader, store, ids
        self._steps, self._context, self._limits, self._watch, self._sleep = steps, context, limits or Limits(), watch, sleep
        self._writer = ThreadPoolExecutor(1, "flush")
        self._flush: Future[None] | None = None
        self._begun_at = time.monotonic()
        """When nothing was last seen to wait for a flush, or the last one began."""
        self._frozen_state = b""
        self._asked = self._stretch = 1
        self._stopping = threading.Event()
        self.trouble: str | None = None
        """What keeps the engine from going on, for people; None when nothing does."""

    def run(self) -> None:
        """Go round until `stop`; then take what the log still holds, and write the tail."""
        retry_seconds = 0.1
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                taken = self.round()
                self.flush_when_due()
                self.trouble, retry_seconds = None, 0.1
                if not taken:
                    self._reader.wait(0.25)
            except (LogError, StoreError, OSError) as error:
                self.trouble = str(error)
                logger.warning("processing waits: %s", error)
                self._stopping.wait(retry_seconds)
                retry_seconds = min(2 * retry_seconds, RETRY_SECONDS_MAX)
                continue
            if 0 < taken < self._asked:  # otherwise there is more, and no reason to wait for company
                self._sleep(pause_after(time.monotonic() - began))

    def stop(self) -> None:
        """End `run`; what the log still holds is taken at the next start."""
        self._stopping.set()

    def resume(self) -> None:
        """Allow `run` again after `stop`."""
        self._stopping.clear()

    def abandon(self) -> None:
        """Write nothing more, and let go of the log: another store has taken this one's place."""
        if self._flush is not None:
            self._flush_ended()
        self._writer.shutdown()
        self._ids.close()
        self._reader.close()

    def close(self) -> None:
        """Take what the log still holds, as far as two seconds go, and write the tail. Called when `run` has ended."""
        until = time.monotonic() + 2
        while time.monotonic() < until and self.round():
            pass
        self.flush()
        self._writer.shutdown()
        self._ids.close()
        self._reader.close()

    def round(self) -> int:
        """Take the next stretch of the log into the store; returns how many received events it had."""
        began, started, positions = time.time(), time.monotonic(), self._store.positions()
        rows, self._asked = self._store.tail_rows, self._events_wanted()
        if not self._asked:
            return 0
        try:
            entries = self._reader.read(positions, self._asked)
        except DamagedEntry as error:
            logger.warning("%s; its events are counted as dead letters", error)
            self._store.add(_damaged(error))
            return error.count
        if not entries:
            self._store.caught_up(began)
            return 0
        self._store.add(self.addition(entries))
        received = max(_received_at(entry) for entry in entries)
        self._store.caught_up(min(began, received / 1e6))
        taken = sum(entry.count for entry in entries)
        self._stretch = 2 * self._stretch if taken == self._asked < ROUND_EVENTS and self._store.tail_rows == rows else 1
        if self._watch is not None:
            self._watch(events=taken, seconds=time.monotonic() - started)
        return taken

    def _events_wanted(self) -> int:
        """Events to take next: no more than fill a row group exactly, for not all need be new; none while a full one waits to be written.

        A tail that went on growing meanwhile would be written as two row groups at once, for twice the memory and at the same pace.
        Where `Limits` makes them smaller than the database does, several are written at once instead.
        """
        rows, room = self._store.tail_rows, self._room()
        if rows and room == self._limits.tail_rows and rows + room > max(room, TAIL_ROWS):
            return 0
        # Twice as many each time that none was new, or duplicates before a row group that is nearly full would be taken one by one.
        return min(ROUND_EVENTS, room * self._stretch)

    def _room(self) -> int:
        """Rows until the table and the tail together are whole row groups, at least one."""
        return self._limits.tail_rows - self._store.rows % self._limits.tail_rows

    # ---- from entries to an addition ------------------------------------------------------------------------------------

    def addition(self, entries: list[Entry]) -> Addition:
        """What a stretch of the log becomes."""
        letters = [
            PlacedLetter(entry.partition, entry.offset + entry.count - len(entry.rejected) + index, letter)
            for entry in entries
            for index, letter in enumerate(entry.rejected)
        ]
        ledger: Counter[LedgerKey] = Counter(key_of(placed.letter, "dead_letter") for placed in letters)
        batch, rows = placed(entries), NO_ROWS
        if batch is not None:
            rows, more = self._identified(batch, ledger)
            letters += more
        return Addition(rows, letters, ledger, {entry.partition: entry.offset + entry.count for entry in entries})

    def _identified(self, batch: pa.RecordBatch, ledger: Counter[LedgerKey]) -> tuple[pa.RecordBatch, list[PlacedLetter]]:
        prints = fingerprints(batch.select(LOGGED.names))
        ids = batch.column("event_id")
        raw = ids.buffers()[1].to_pybytes()[16 * ids.offset : 16 * (ids.offset + len(ids))]
        verdicts = self._ids.classify(raw, prints)
        batch = batch.append_column("fingerprint", pa.array(prints, pa.uint64()))
        new, letters = batch, []
        if verdicts.any():
            count(ledger, batch.filter(pa.array(verdicts == DUPLICATE)), "duplicate")
            letters = _letters(
                batch.filter(pa.array(verdicts == REUSED)), "the id was used before by an event with other content", "event_id"
            )
            new = batch.filter(pa.array(verdicts == NEW))
        rows, failed = stepped(new, self._steps, self._context)
        letters += failed
        ledger.update(key_of(placed.letter, "dead_letter") for placed in letters)
        count(ledger, rows, "stored")
        return rows, letters

    # ---- writing --------------------------------------------------------------------------------------------------------

    def flush_when_due(self) -> None:
        """Begin a flush when the tail fills a row group, or is old, and wait for one that cannot keep up."""
        if self._flush is not None and (self._flush.done() or not self._events_wanted()):
            self._flush_ended()
        if self._store.tail_empty and not self._store.flushing:  # one that failed is tried again, whether or not more comes
            self._begun_at = time.monotonic()
        whole = self._store.tail_rows > 0 and self._room() == self._limits.tail_rows
        if self._flush is None and (whole or time.monotonic() - self._begun_at >= self._limits.tail_seconds):
            self._begin_flush()

    def flush(self) -> None:
        """Write everything that is in the tail now."""
        if self._flush is not None:
            self._flush_ended()
        self._begin_flush()
        if self._flush is not None:
            self._flush_ended()

    def _begin_flush(self) -> None:
        self._begun_at = time.monotonic()
        if self._store.freeze():
            self._ids.freeze()
            self._frozen_state = self._steps.state()  # of the frozen positions: a flush that is tried again must write this one
        elif not self._store.flushing:
            return
        self._flush = self._writer.submit(self._write, self._frozen_state)

    def _write(self, state: bytes) -> None:
        self._store.flush(self._ids.write(), {"steps": state})
        self._ids.forget()
        self._reader.done(self._store.durable_positions())

    def _flush_ended(self) -> None:
        flush, self._flush = self._flush, None
        if flush is not None:
            flush.result()


def stepped(batch: pa.RecordBatch, steps: Steps, context: Context) -> tuple[pa.RecordBatch, list[PlacedLetter]]:
    """The batch after the steps; rows at which a step fails become dead letters, found by halving."""
    try:
        return stored(steps.apply(batch, context)), []
    except StepFailed as error:
        if len(batch) == 1:
            logger.warning("%s", error)
            return NO_ROWS, _letters(batch, str(error), "")
    half = len(batch) // 2
    (left, left_failed), (right, right_failed) = (stepped(part, steps, context) for part in (batch.slice(0, half), batch.slice(half)))
    both = left_failed + right_failed
    return pa.Table.from_batches([left, right]).combine_chunks().to_batches()[0] if len(left) + len(right) else left, both


def pause_after(spent: float) -> float:
    """Seconds to wait after a round that took `spent`, so that rounds take a third of the time, as far as the paces allow."""
    return max(0.0, min(max(PACE_SECONDS, 3 * spent), PACE_SECONDS_MAX) - spent)


def _received_at(entry: Entry) -> int:
    if entry.events is not None and len(entry.events):
        return int(entry.events.column("received_at")[-1].value)
    return entry.rejected[-1].received_at


def placed(entries: list[Entry]) -> pa.RecordBatch | None:
    """The accepted events of the entries in one batch, each with its place in the log."""
    batches = [(entry, entry.events) for entry in entries if entry.events is not None]
    if not batches:
        return None
    tables = [pa.Table.from_batches([events]) for _, events in batches]
    (joined,) = pa.concat_tables(tables, promote_options="default").combine_chunks().to_batches()
    joined = widened(joined)
    partition = np.concatenate([np.full(len(events), entry.partition, np.int16) for entry, events in batches])
    offset = np.concatenate([np.arange(entry.offset, entry.offset + len(events)) for entry, events in batches])
    return joined.append_column("log_partition", pa.array(partition)).append_column("log_offset", pa.array(offset, pa.int64()))


def stored(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch with exactly the columns of `STORED`; what no step filled is null, or what the contract says."""
    usual: dict[str, Callable[[], Any]] = {
        "device_timestamp": lambda: batch.column("timestamp"),
        "is_bot": lambda: pa.array(np.zeros(len(batch), bool)),
    }
    arrays = []
    places = {name: place for place, name in enumerate(batch.schema.names)}
    for field in STORED:
        if field.name in places:
            column = batch.column(places[field.name])
            arrays.append(column if column.type == field.type else column.cast(field.type))
        else:
            arrays.append(usual[field.name]() if field.name in usual else nulls(len(batch), field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=STORED)


def _letters(rows: pa.RecordBatch, reason: str, field: str) -> list[PlacedLetter]:
    if not len(rows):
        return []
    bodies = [msgspec.json.encode(event) for event in to_events(rows.select(LOGGED.names))]
    return [
        PlacedLetter(
            row["log_partition"],
            row["log_offset"],
            DeadLetter(reason, field, None, row["event_type"], row["dialect"], row["site"], row["sender_key"], row["received_us"], body),
        )
        for row, body in zip(_plain(rows), bodies, strict=True)
    ]


def _plain(rows: pa.RecordBatch) -> list[dict[str, Any]]:
    received = rows.column("received_at").cast(pa.int64())
    told = rows.select(["log_partition", "log_offset", *GROUPED_BY]).append_column("received_us", received)
    plain: list[dict[str, Any]] = told.to_pylist()
    return plain


def _damaged(error: DamagedEntry) -> Addition:
    now = time.time_ns() // 1000
    letter = DeadLetter(str(error), "", None, None, "log", "default", None, now, str(error).encode())
    key = LedgerKey("default", "log", "", "", "dead_letter")
    return Addition(
        NO_ROWS, [PlacedLetter(error.partition, error.offset, letter)], {key: error.count}, {error.partition: error.offset + error.count}
    )
