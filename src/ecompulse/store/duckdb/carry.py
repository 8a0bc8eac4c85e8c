"""What a store has durably, read piece by piece, so that it can be carried over into another store.

Rows and dead letters are only ever added while this goes on, so each piece is a transaction of its own, below the positions of one moment:
a transaction over all of it would hold up checkpoints for as long as the copy takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
from msgspec import Struct

from ecompulse.contract.columns import STORED, DeadLetter
from ecompulse.store import LedgerKey, PlacedLetter
from ecompulse.store.duckdb.database import DuckDBStore
from ecompulse.store.duckdb.relations import SUMS

PIECE_OFFSETS: Final = 1_000_000
"""Places of the log that one transaction copies: some seconds."""
ROWS_AT_ONCE: Final = 122_880
LETTERS_AT_ONCE: Final = 5_000
PLACES_AT_ONCE: Final = 1_000_000
"""Places of a partition whose rows are known at once: 16 MB."""
_MADE_ANEW: Final = frozenset(
    ("version", "events", "identities", "dead_letters", "ledger", "positions", "id_runs", "state", "flushes", *SUMS)
)
"""Tables that are not copied as they are."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

Numbers = np.ndarray[Any, np.dtype[np.int64]]


class Span(Struct, frozen=True):
    """Times of receipt, from `since` (included) to `until` (not included); None is open."""

    since: datetime | None = None
    until: datetime | None = None

    @property
    def whole(self) -> bool:
        """Whether it is all of time."""
        return self.since is None and self.until is None

    @property
    def before(self) -> str:
        """In SQL: received before it."""
        return "false" if self.since is None else f"received_at < make_timestamptz({_micros(self.since)})"

    @property
    def after(self) -> str:
        """In SQL: received after it."""
        return "false" if self.until is None else f"received_at >= make_timestamptz({_micros(self.until)})"

    def holds(self, received_us: Numbers) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which of the times, in microseconds since 1970, lie within."""
        within = np.ones(len(received_us), bool)
        if self.since is not None:
            within &= received_us >= _micros(self.since)
        if self.until is not None:
            within &= received_us < _micros(self.until)
        return within


class Standing(Struct, frozen=True):
    """What belongs together in a store at one moment."""

    positions: Mapping[int, int]
    id_runs: list[str]
    state: Mapping[str, bytes]
    ledger: Counter[LedgerKey]
    rows: int
    others: Mapping[str, pa.Table]
    """Small tables that are copied as they are, by name."""


class Durable:
    """Reads what a store has in its database, without the tail; used from one thread at a time."""

    def __init__(self, store: DuckDBStore) -> None:
        self._open = ExitStack()
        self._cursor = self._open.enter_context(store.cursor())

    def close(self) -> None:
        """Give the connection back."""
        self._open.close()

    def standing(self) -> Standing:
        """Positions, ids, states and counts of one moment."""
        self._cursor.begin()
        try:
            names = self._fetch("select table_name from duckdb_tables() where schema_name = 'main' and not temporary")
            return Standing(
                dict(self._fetch('select "partition", "offset" from positions')),
                [name for (name,) in self._fetch("select name from id_runs")],
                dict(self._fetch("select name, value from state")),
                Counter({LedgerKey(*key): count for *key, count in self._fetch("select * from ledger")}),
                self._fetch("select count(*) from events")[0][0],
                {name: self._table(f'select * from "{name}"') for (name,) in names if name not in _MADE_ANEW},
            )
        finally:
            self._cursor.rollback()

    def rows(self, partition: int, start: int, end: int, where: str) -> Iterator[pa.RecordBatch]:
        """Events (schema `STORED`) of a stretch of a partition."""
        for begin in range(start, end, PIECE_OFFSETS):
            query = (
                "select * replace (unhex(replace(event_id::varchar, '-', '')) as event_id) from events "
                f"where {_stretch(partition, begin, min(end, begin + PIECE_OFFSETS))} and ({where})"
            )
            for batch in self._cursor.sql(query).to_arrow_reader(ROWS_AT_ONCE):
                if len(batch):
                    arrays = [batch.column(field.name).cast(field.type) for field in STORED]
                    yield pa.RecordBatch.from_arrays(arrays, schema=STORED)

    def places(self, partition: int, start: int, end: int) -> tuple[Numbers, Numbers]:
        """The offsets of the events of a stretch, ascending, and when each was received, in microseconds since 1970."""
        query = f"select log_offset, epoch_us(received_at) as at from events where {_stretch(partition, start, end)} order by log_offset"
        return _two(self._table(query))

    def failed(self, partition: int, end: int) -> tuple[Numbers, Numbers]:
        """As `places`, of dead letters that name no field: those of events that were accepted, but a step or the store could not take.

        Some that the door refused are among them; their places hold no accepted event.
        """
        query = f"select {_PLACE} as place, epoch_us(received_at) as at from dead_letters where field = '' and {_below(partition, end)}"
        return _two(self._table(f"{query} order by place"))

    def reach(self, partition: int, end: int, span: Span) -> tuple[int | None, int | None]:
        """The first place of a partition with an event of the span, and the last with one that was not received after it."""
        first = f"min(log_offset) filter (not ({span.before}))"
        query = f"select {first}, max(log_offset) from events where {_stretch(partition, 0, end)} and not ({span.after})"
        found: tuple[int | None, int | None] = self._fetch(query)[0]
        return found

    def newest(self, partition: int, end: int) -> datetime | None:
        """When the newest event that stands before a place was received."""
        newest: int | None = self._fetch(f"select epoch_us(max(received_at)) from events where {_stretch(partition, 0, end)}")[0][0]
        return None if newest is None else _EPOCH + newest * _MICROSECOND

    def letters(self, partition: int, end: int) -> Iterator[list[PlacedLetter]]:
        """The dead letters of a partition before a place."""
        query = (
            f"select {_PLACE} as place, reason, field, event_id, event_type, dialect, site, sender_key, epoch_us(received_at) as at, "
            f"coalesce(body_bytes, encode(body)) as body from dead_letters where {_below(partition, end)}"
        )
        for batch in self._cursor.sql(query).to_arrow_reader(LETTERS_AT_ONCE):
            columns = [column.to_pylist() for column in batch.columns]
            yield [PlacedLetter(partition, place, DeadLetter(*letter)) for place, *letter in zip(*columns, strict=True)]

    def _fetch(self, sql: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._cursor.execute(sql).fetchall()
        return rows

    def _table(self, sql: str) -> pa.Table:
        return self._cursor.sql(sql).to_arrow_table()


class Places:
    """Which places of the log are rows of the old store, looked up by large stretches because small ones come one after the other."""

    def __init__(self, durable: Durable) -> None:
        self._durable = durable
        self._held: dict[int, tuple[int, int, Numbers]] = {}

    def rows(self, partition: int, wanted: Numbers, limit: int) -> Numbers:
        """At least those of the ascending places that are rows."""
        return self.between(partition, int(wanted[0]), min(int(wanted[-1]) + 1, limit))

    def between(self, partition: int, start: int, end: int) -> Numbers:
        """The rows of a stretch, ascending."""
        held_start, held_end, places = self._held.get(partition, (0, 0, _NOWHERE))
        if not held_start <= start <= end <= held_end:
            held_end = max(end, start + PLACES_AT_ONCE)
            places, _ = self._durable.places(partition, start, held_end)
            self._held[partition] = start, held_end, places
        left, right = np.searchsorted(places, [start, max(start, end)])
        return places[left:right]


def put(store: DuckDBStore, tables: Mapping[str, pa.Table]) -> None:
    """Fill tables of a store that have nothing yet."""
    with store.cursor() as cursor:
        for name, table in tables.items():
            cursor.register("carried", table)
            cursor.execute(f'insert into "{name}" by name select * from carried')
            cursor.unregister("carried")


_NOWHERE: Final[Numbers] = np.zeros(0, np.int64)
_PLACE: Final = "split_part(id, '-', 2)::bigint"


def _stretch(partition: int, start: int, end: int) -> str:
    return f"log_partition = {partition} and log_offset >= {start} and log_offset < {end}"


def _below(partition: int, end: int) -> str:
    return f"split_part(id, '-', 1)::int = {partition} and {_PLACE} < {end}"


def _two(table: pa.Table) -> tuple[Numbers, Numbers]:
    left, right = (column.combine_chunks().cast(pa.int64()).to_numpy() for column in table.columns)
    return left, right


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
