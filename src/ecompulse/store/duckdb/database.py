"""The embedded store: takes additions into the tail, writes it into DuckDB in one transaction, opens consistent pictures of both."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from ecompulse.store import Addition, QueryError, StoreError
from ecompulse.store.duckdb.checkpoints import Checkpoints
from ecompulse.store.duckdb.connect import Database, Options
from ecompulse.store.duckdb.deadlines import Deadlines
from ecompulse.store.duckdb.insert import insert_rows, insert_tail
from ecompulse.store.duckdb.letters import Keep, Kept, LetterRetention
from ecompulse.store.duckdb.merge import Merged, Merging
from ecompulse.store.duckdb.picture import NAMES, Part, Picture, sums
from ecompulse.store.duckdb.refused import without_refused
from ecompulse.store.duckdb.snapshot import DuckDBSnapshot
from ecompulse.store.duckdb.tail import CHUNKS_MAX, ROWS, Batches, Tail, joined, one
from ecompulse.store.duckdb.usage import Usage
from ecompulse.store.duckdb.views import create as create_views

logger = logging.getLogger(__name__)

_REFUSALS: Final = (duckdb.DataError, duckdb.IntegrityError, duckdb.InvalidInputException)
"""What the database says to rows for what they hold, in contrast to a full disk or too little memory."""


class DuckDBStore:
    """See `ecompulse.store.Store`. `add` and `flush` are called by one thread each, `snapshot` by any."""

    def __init__(self, folder: Path, options: Options | None = None) -> None:
        """Open the store in `folder`, or make it, and bring it up to this version's tables.

        Raises:
            StoreError: it is damaged, of a later version, or another process has it open.
        """
        self.folder, self.path = folder, folder / "events.duckdb"
        self._lock, self._joining, self._writing = threading.Lock(), threading.Lock(), threading.Lock()
        self._as_of = time.time()
        options = options or Options()
        self._database = Database(folder, self.path, options)
        self._usage = Usage(self._database, options.memory_bytes, self._prepare)
        self._checkpoints = Checkpoints(self._database, self._usage, self.path)
        self._letters = LetterRetention(self._database, self._writing)
        self._merging = Merging(self._database, self._writing)
        connection = self._database.cursor()
        self._durable = dict(connection.execute('select "partition", "offset" from positions').fetchall())
        self._positions = dict(self._durable)
        self._written_rows = _rows(connection)
        self._tail, self._frozen = Tail(_flushes(connection) + 1), None  # type: Tail, Tail | None
        self._no_sums = sums(ROWS.empty_table(), connection)
        connection.close()
        self._deadlines = Deadlines()
        self._joiner = ThreadPoolExecutor(1, "join")

    # ---- adding -----------------------------------------------------------------------------------------------------

    def positions(self) -> dict[int, int]:
        """See `ecompulse.store.Store.positions`."""
        with self._lock:
            return dict(self._positions)

    def durable_positions(self) -> dict[int, int]:
        """Up to where the log is in the database file."""
        with self._lock:
            return dict(self._durable)

    def add(self, addition: Addition) -> None:
        """See `ecompulse.store.Store.add`."""
        with self._lock:
            self._tail.add(addition)
            self._positions.update(addition.positions)

    def mark_replayed(self, ids: Sequence[str], at_us: int) -> None:
        """Remember that dead letters were sent through the door again; durable after the next flush."""
        with self._lock:
            self._tail.replayed.update(dict.fromkeys(ids, at_us))

    @property
    def rows(self) -> int:
        """Events in the database and in the tails."""
        with self._lock:
            return self._written_rows + (self._frozen.rows if self._frozen is not None else 0) + self._tail.rows

    @property
    def tail_rows(self) -> int:
        """Rows that wait for the next flush."""
        return self._tail.rows

    @property
    def tail_empty(self) -> bool:
        """Whether nothing at all waits for the next flush."""
        return self._tail.empty

    @property
    def flushing(self) -> bool:
        """Whether a frozen tail is not in the database yet."""
        return self._frozen is not None

    def freeze(self) -> bool:
        """Set the tail aside for `flush`; later additions begin a new one. False when there is nothing, or a frozen one waits still."""
        with self._lock:
            if self._frozen is not None or self._tail.empty:
                return False
            self._frozen, self._tail = self._tail, Tail(self._tail.number + 1)
            return True

    def flush(self, id_runs: Sequence[str], state: Mapping[str, bytes]) -> int:
        """Write the frozen tail in one transaction, with the names of the id runs and the states that belong to its positions.

        Returns the rows written. The tail stays frozen, and visible, when it fails: call again. Rows that the database refuses for what
        they hold do not stand in the way of the others: they are found by halving and become dead letters.

        Raises:
            StoreError: the database could not write, or the disk is full.
        """
        if self._frozen is None:
            return 0
        count = self._frozen.rows
        try:
            with self._usage.work():
                rows = self._written(self._frozen, id_runs, state)
        except duckdb.Error as error:
            raise StoreError(f"{self.path}: {count} rows could not be written: {error}") from error
        self._checkpoints.fold(self._written_rows)
        self._usage.rest()
        return rows

    def _written(self, frozen: Tail, id_runs: Sequence[str], state: Mapping[str, bytes]) -> int:
        try:
            with self._writing:
                return self._flush(frozen, id_runs, state)
        except _REFUSALS as error:
            without = without_refused(frozen, self._refuses, str(error).splitlines()[0])
        with self._lock:
            self._frozen = without
        with self._writing:
            return self._flush(without, id_runs, state)

    def _flush(self, frozen: Tail, id_runs: Sequence[str], state: Mapping[str, bytes]) -> int:
        self._put_together(frozen)
        writer = self._database.cursor()
        try:
            writer.begin()
            insert_tail(writer, frozen)
            writer.execute("delete from id_runs")
            writer.executemany("insert into id_runs values (?)", [[name] for name in id_runs]) if id_runs else None
            for name, value in state.items():
                writer.execute("insert or replace into state values (?, ?)", [name, value])
            writer.execute("update flushes set number = ?", [frozen.number])
            writer.commit()
            with self._lock:
                self._frozen = None
                self._written_rows += frozen.rows
                self._durable.update(frozen.positions)
            self._usage.wrote(frozen.rows)
        finally:
            writer.close()  # rolls back what was not committed
        return frozen.rows

    def _put_together(self, frozen: Tail) -> None:
        """Make one chunk of a frozen tail's rows: DuckDB's threads share chunks out, and each would write a part of a row group, which the
        checkpoint writes again. Done here, so that there is one copy of them and not two."""
        with self._joining:
            self._join(frozen, one)

    def _join(self, tail: Tail, join: Callable[[Batches], Batches]) -> None:
        """Let fewer batches stand for a tail's. Who holds `_joining` may; rows are added meanwhile, for a full tail takes 20 to 300 ms."""
        with self._lock:
            batches = list(tail.batches)
        fewer = join(batches)
        with self._lock:
            tail.batches[: len(batches)] = fewer

    def _refuses(self, rows: pa.Table) -> bool:
        """Whether the database refuses these rows; nothing of them stays."""
        writer = self._database.cursor()
        try:
            writer.begin()
            insert_rows(writer, rows)
        except _REFUSALS:
            return True
        else:
            return False
        finally:
            writer.close()

    def keep_letters(self, keep: Keep, now: float) -> Kept:
        """Let dead letters beyond these limits go, the oldest first, counted in `dead_letters_let_go`. One thread at a time.

        Raises:
            StoreError: the database could not be read or written.
        """
        try:
            with self._usage.work():
                return self._letters.keep(keep, now)
        except duckdb.Error as error:
            raise StoreError(f"{self.path}: dead letters beyond their limits are still there: {error}") from error

    def merge_sums(self, now: float, seconds: float, stopped: Callable[[], bool]) -> dict[str, Merged]:
        """Merge sums of finished hours for so many seconds: see `Merging.merge`. One thread at a time.

        Raises:
            StoreError: the database could not be read or written.
        """
        try:
            with self._usage.work():
                merged = self._merging.merge(now, seconds, stopped)
        except duckdb.Error as error:
            raise StoreError(f"{self.path}: sums of finished hours are not merged yet: {error}") from error
        if any(one.before for one in merged.values()):
            self._checkpoints.fold(self._written_rows)  # a store to which nothing is added has no flush that would
            self._usage.rest()
        return merged

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to what is durable alone, without the tail."""
        with self._usage.work(), self._database.cursor() as cursor:
            self._usage.have_all_memory()
            yield cursor

    def id_runs(self) -> list[str]:
        """The names given to the last durable flush."""
        return [row[0] for row in self._database.cursor().execute("select name from id_runs").fetchall()]

    def state(self, name: str) -> bytes | None:
        """A state given to the last durable flush."""
        row = self._database.cursor().execute("select value from state where name = ?", [name]).fetchone()
        return row[0] if row else None

    # ---- asking -----------------------------------------------------------------------------------------------------

    def caught_up(self, moment: float) -> None:
        """Say that everything received before `moment` (seconds since 1970) has been added."""
        self._as_of = moment

    def as_of(self) -> datetime:
        """See `ecompulse.store.Store.as_of`."""
        return datetime.fromtimestamp(self._as_of, UTC)

    def lag_seconds(self) -> float:
        """How long ago `as_of` was."""
        return max(0.0, time.time() - self._as_of)

    @contextmanager
    def snapshot(self, timeout_seconds: float = 30.0) -> Iterator[DuckDBSnapshot]:
        """See `ecompulse.store.Store.snapshot`."""
        with self._usage.question(timeout_seconds) as lent:
            picture, positions = self._picture(lent.cursor)
            yield DuckDBSnapshot(lent, picture, self._deadlines, timeout_seconds, positions)

    def _picture(self, cursor: duckdb.DuckDBPyConnection) -> tuple[Picture, dict[int, int]]:
        """Begin a transaction, and take of the tails what it does not see: a flush is waited for by nobody.

        A flush moves rows from a tail to the tables and counts itself in the same transaction. So the count that a transaction sees says
        which of the tails, taken a moment before, are in its tables.
        """
        try:
            while True:
                with self._lock:
                    parts = [Part(tail) for tail in (self._frozen, self._tail) if tail is not None]
                    positions = dict(self._positions)
                cursor.begin()
                written = _flushes(cursor)
                if written < parts[-1].number:
                    if any(part.chunks > CHUNKS_MAX for part in parts) and not self._joining.locked():
                        self._joiner.submit(self._join_small)  # the next question has fewer to scan; this one need not wait for it
                    return Picture([part for part in parts if part.number > written], self._lock, self._no_sums), positions
                cursor.rollback()  # the newest one was set aside and written in between: its positions would be too early
        except duckdb.Error as error:
            raise QueryError(str(error)) from None

    def _join_small(self) -> None:
        """Join the tails' small batches where a scan finds too many."""
        with self._joining:
            for tail in (self._frozen, self._tail):
                if tail is not None and len(tail.batches) > CHUNKS_MAX:
                    self._join(tail, joined)

    def _prepare(self, cursor: duckdb.DuckDBPyConnection) -> None:
        nothing = Picture((), self._lock, self._no_sums)
        for name in NAMES:
            cursor.register(name, nothing.table(name, cursor))
        create_views(cursor)
        for name in NAMES:
            cursor.unregister(name)

    @property
    def asked(self) -> bool:
        """Whether a question is being answered."""
        return self._usage.asked

    def close(self) -> None:
        """End the questions that are being answered, and close the database. What is only in the tail is read again from the log."""
        self._usage.close()
        self._deadlines.close()
        self._joiner.shutdown()
        self._database.close()


FLUSHES_SEEN: Final = "select number from flushes"
"""Asked before every question, so it scans one row: to sum up takes three times as long, and a filter of a table with a key waits for as
long as a checkpoint joins row groups, of whatever table."""


def _rows(connection: duckdb.DuckDBPyConnection) -> int:
    (row,) = connection.execute("select count(*) from events").fetchall()
    return int(row[0])


def _flushes(connection: duckdb.DuckDBPyConnection) -> int:
    """How many flushes a connection sees."""
    (row,) = connection.execute(FLUSHES_SEEN).fetchall()
    return int(row[0])
