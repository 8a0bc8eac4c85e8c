"""The tail: what was added since the last flush, in memory, as columns that a question can scan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import pyarrow as pa

from ecompulse.contract.columns import STORED, TIME
from ecompulse.store import Addition, LedgerKey, PlacedLetter

CHUNKS_MAX: Final = 32
"""Chunks a scan may find: small additions are joined beyond it, because each chunk costs a scan about 50 µs."""

ROWS: Final = pa.schema(
    [
        pa.field(field.name, pa.uuid(), nullable=False)
        if field.name == "event_id"
        else pa.field(field.name, pa.json_(pa.string()))
        if field.name in ("properties", "metadata", "extra")
        else field
        for field in STORED
    ]
)
"""`STORED` with the logical types that DuckDB reads as UUID and JSON."""

LETTERS: Final = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("id", "reason", "field", "dialect", "site", "sender_key", "event_id", "event_type")),
        pa.field("received_at", TIME),
        pa.field("body", pa.string()),
        pa.field("body_bytes", pa.binary()),
        pa.field("replayed_at", TIME),
    ]
)
LEDGER: Final = pa.schema(
    [*(pa.field(name, pa.string()) for name in ("site", "dialect", "key", "event_type", "outcome")), pa.field("count", pa.int64())]
)


Batches = list[pa.RecordBatch]
Block = dict[str, pa.Table]
"""The sums of some rows: relation → its rows."""


class Tail:
    """Additions that are not in the database yet. Each method is called under the store's lock.

    `number` is that of the flush that will write it. `batches` only grows, but for whoever joins some: one at a time, see `joined`.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.batches: Batches = []
        self.dead_letters: list[PlacedLetter] = []
        self.ledger: Counter[LedgerKey] = Counter()
        self.positions: dict[int, int] = {}
        self.replayed: dict[str, int] = {}
        """Dead letter → when it was replayed, in microseconds since 1970."""
        self.rows = 0
        self.blocks: list[Block] = []
        self.summed_rows = 0
        """Of so many of its first rows `blocks` has the sums."""

    def keep(self, block: Block, since: int, rows: int) -> None:
        """Keep the sums of the rows from `since` to before `rows`; not those of rows whose sums another has made meanwhile."""
        if self.summed_rows == since:
            self.blocks.append(block)
            self.summed_rows = rows

    def add(self, addition: Addition) -> None:
        """Take an addition."""
        if len(addition.rows):
            self.batches.append(logical(addition.rows))
            self.rows += len(addition.rows)
        self.dead_letters += addition.dead_letters
        self.ledger.update(addition.ledger)
        self.positions.update(addition.positions)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to flush."""
        return not self.positions and not self.replayed

    def table(self) -> pa.Table:
        """The rows, schema `ROWS`."""
        return pa.Table.from_batches(self.batches, ROWS)


def logical(rows: pa.RecordBatch) -> pa.RecordBatch:
    """A batch of schema `STORED` as one of schema `ROWS`, without a copy."""
    arrays = [
        pa.ExtensionArray.from_storage(field.type, column) if isinstance(field.type, pa.BaseExtensionType) else column
        for field, column in zip(ROWS, rows.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=ROWS)


def joined(batches: Batches) -> Batches:
    """The same rows in at most `CHUNKS_MAX` batches.

    The small ones are joined; one that is large already stays as it is, so that no row is copied more than a few times.
    """
    fewer: Batches = []
    small: Batches = []
    half = max(len(batch) for batch in batches) // 2
    for batch in batches:
        if len(batch) > half:
            fewer += one(small)
            fewer.append(batch)
            small = []
        else:
            small.append(batch)
    fewer += one(small)
    return fewer if len(fewer) <= CHUNKS_MAX else one(batches)


def one(batches: Batches) -> Batches:
    """The same rows in one batch; in none where there are none."""
    return pa.Table.from_batches(batches, ROWS).combine_chunks().to_batches() if batches else []


def letters_table(placed: Iterable[PlacedLetter]) -> pa.Table:
    """Dead letters as rows of the table `dead_letters`; bytes that are no UTF-8 are kept beside their readable form."""
    rows = []
    for one in placed:
        letter = one.letter
        text = letter.body.decode("utf-8", "replace")
        rows.append(
            {
                "id": one.id, "reason": letter.reason, "field": letter.field, "dialect": letter.dialect, "site": letter.site,
                "sender_key": letter.sender_key, "event_id": letter.event_id, "event_type": letter.event_type,
                "received_at": letter.received_at, "body": text, "body_bytes": None if text.encode() == letter.body else letter.body,
            }
        )  # fmt: skip
    return pa.Table.from_pylist(rows, pa.schema([*LETTERS]))


def replayed_table(replayed: Mapping[str, int]) -> pa.Table:
    """Which dead letters were replayed, and when."""
    return pa.table({"id": pa.array(list(replayed), pa.string()), "replayed_at": pa.array(list(replayed.values()), TIME)})


def ledger_table(ledger: Counter[LedgerKey]) -> pa.Table:
    """Counts as rows of the table `ledger`."""
    rows = [{**{name: getattr(key, name) for name in key.__struct_fields__}, "count": count} for key, count in ledger.items()]
    return pa.Table.from_pylist(rows, LEDGER)
