"""What the tails hold at one moment, as tables that DuckDB scans; each is made when a question names it.

Sums over the tail are wanted by most questions and asked again and again, while the tail only grows. So they are made once of each block of
rows, by the first question that finds the block whole, and only the rest is summed up anew.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import duckdb
import pyarrow as pa

from ecompulse.contract.columns import STORED
from ecompulse.store import LedgerKey
from ecompulse.store.duckdb.relations import IDENTITIES, SUMS, sum_queries
from ecompulse.store.duckdb.tail import ROWS, Block, Tail, ledger_table, letters_table, replayed_table

BLOCK_ROWS: Final = 8_192
"""Rows of which sums are kept: to sum up fewer takes 8 ms at most."""
SUMMED: Final = {**SUMS, "identities": IDENTITIES}
"""Relation → the query that makes its rows from the events `{rows}`."""
WORD: Final = re.compile(r"\w+")
_BLOCK: Final = "tail_block"
_NO_ROWS: Final = ROWS.empty_table()


def columns_named(sql: str) -> list[str]:
    """The columns of events that a statement names."""
    words = set(WORD.findall(sql.lower()))
    return [name for name in STORED.names if name in words]


_READ: Final = {table: columns_named(query) for table, query in SUMMED.items()}
"""Relation → what its query reads: to hand over all columns takes milliseconds."""


class Part:
    """One tail at one moment. Made under the store's lock."""

    def __init__(self, tail: Tail) -> None:
        self.tail, self.number, self.count, self._batches = tail, tail.number, tail.rows, list(tail.batches)
        self.blocks, self.summed_rows = tuple(tail.blocks), tail.summed_rows
        self.dead_letters, self.replayed, self.ledger = tuple(tail.dead_letters), dict(tail.replayed), tail.ledger.copy()

    @property
    def chunks(self) -> int:
        """In how many pieces a scan finds the rows."""
        return len(self._batches)

    @property
    def rows(self) -> pa.Table:
        """The rows, schema `ROWS`."""
        return pa.Table.from_batches(self._batches, ROWS)

    def named(self, columns: Sequence[str]) -> pa.Table:
        """Some columns of the rows: in a third of the time that all of them take."""
        return pa.Table.from_batches([batch.select(columns) for batch in self._batches], _NO_ROWS.select(columns).schema)

    def rest(self, columns: list[str]) -> pa.Table:
        """The rows of which no sums are kept."""
        return self.named(columns).slice(self.summed_rows)


class Picture:
    """Several tails at one moment. `lock` is the store's, `nothing` the sums of no rows."""

    def __init__(self, parts: Sequence[Part], lock: threading.Lock, nothing: Block) -> None:
        self._parts, self._lock, self._nothing = parts, lock, nothing

    def table(self, name: str, cursor: duckdb.DuckDBPyConnection) -> pa.Table:
        """What is to be registered as `name`, one of `NAMES`; the cursor is used to sum up."""
        return _TABLES[name](self, cursor)

    def rows(self, _: duckdb.DuckDBPyConnection) -> pa.Table:
        """All rows."""
        return pa.concat_tables([_NO_ROWS, *(part.rows for part in self._parts)])

    def named(self, columns: Sequence[str]) -> pa.Table:
        """Some columns of all rows."""
        return pa.concat_tables([_NO_ROWS.select(columns), *(part.named(columns) for part in self._parts)])

    def rest(self, table: str, cursor: duckdb.DuckDBPyConnection) -> pa.Table:
        """Of the rows of which no sums are kept, what `table` is made of."""
        self._sum_up(cursor)
        return pa.concat_tables([_NO_ROWS.select(_READ[table]), *(part.rest(_READ[table]) for part in self._parts)])

    def sums(self, table: str, cursor: duckdb.DuckDBPyConnection) -> pa.Table:
        """The sums that are kept, as rows of `table`."""
        self._sum_up(cursor)
        blocks = [block[table] for part in self._parts for block in part.blocks]
        return pa.concat_tables([self._nothing[table], *blocks])

    def _sum_up(self, cursor: duckdb.DuckDBPyConnection) -> None:
        for part in self._parts:
            since, rows = part.summed_rows, part.count
            if rows - since >= BLOCK_ROWS:
                block = sums(part.rows.slice(since), cursor)
                part.blocks, part.summed_rows = (*part.blocks, block), rows
                with self._lock:
                    part.tail.keep(block, since, rows)

    def dead_letters(self, _: duckdb.DuckDBPyConnection) -> pa.Table:
        """Rows of `dead_letters`."""
        return letters_table(letter for part in self._parts for letter in part.dead_letters)

    def replayed(self, _: duckdb.DuckDBPyConnection) -> pa.Table:
        """Which dead letters were replayed."""
        return replayed_table({name: at for part in self._parts for name, at in part.replayed.items()})

    def ledger(self, _: duckdb.DuckDBPyConnection) -> pa.Table:
        """Rows of `ledger`."""
        counts: Counter[LedgerKey] = Counter()
        for part in self._parts:
            counts.update(part.ledger)
        return ledger_table(counts)


def sums(rows: pa.Table, cursor: duckdb.DuckDBPyConnection) -> Block:
    """The rows of each relation of `SUMMED` that come of these rows; unsigned numbers of 128 bits as text, since Arrow has none."""
    queries = {**SUMMED, **sum_queries(rows)}
    cursor.register(_BLOCK, rows)
    try:
        return {table: _in_arrow(cursor.sql(query.format(rows=_BLOCK))) for table, query in queries.items()}
    finally:
        cursor.unregister(_BLOCK)


def _in_arrow(found: duckdb.DuckDBPyRelation) -> pa.Table:
    """DuckDB would give them as decimals, of which those above the half come back negative."""
    columns = (
        f'"{name}"::varchar as "{name}"' if str(kind) == "UHUGEINT" else f'"{name}"'
        for name, kind in zip(found.columns, found.types, strict=True)
    )
    return found.project(", ".join(columns)).to_arrow_table()


def _sums_of(table: str) -> Callable[[Picture, duckdb.DuckDBPyConnection], pa.Table]:
    return lambda picture, cursor: picture.sums(table, cursor)


def _rest_for(table: str) -> Callable[[Picture, duckdb.DuckDBPyConnection], pa.Table]:
    return lambda picture, cursor: picture.rest(table, cursor)


_TABLES: Final[dict[str, Callable[[Picture, duckdb.DuckDBPyConnection], pa.Table]]] = {
    "tail": Picture.rows,
    "tail_letters": Picture.dead_letters,
    "tail_replayed": Picture.replayed,
    "tail_ledger": Picture.ledger,
    **{f"tail_{table}": _sums_of(table) for table in SUMMED},
    **{f"rest_for_{table}": _rest_for(table) for table in SUMMED},
}
NAMES: Final = tuple(_TABLES)
"""What the views are built on, besides the tables of the database."""
