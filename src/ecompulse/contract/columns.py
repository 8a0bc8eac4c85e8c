"""Events as Arrow columns: the schemas, what stands beside them in the log, and columns that say nothing or always the same."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
from msgspec import Struct

from ecompulse.contract.event import INTEGER_FIELDS, METADATA_FIELDS, MONEY_FIELDS, PROPERTY_FIELDS

TIME: Final = pa.timestamp("us", tz="UTC")
MONEY: Final = pa.decimal128(18, 4)
RATE: Final = pa.decimal128(18, 8)
ITEM: Final = pa.struct(
    [
        pa.field("product_id", pa.string()),
        pa.field("product_name", pa.string()),
        pa.field("product_category", pa.string()),
        pa.field("quantity", pa.int32()),
        pa.field("price", MONEY),
        pa.field("extra", pa.string()),
    ]
)
FILLED_ID: Final = 1
FILLED_TIME: Final = 2


def _property_type(name: str) -> pa.DataType:
    if name in MONEY_FIELDS:
        return MONEY
    if name in INTEGER_FIELDS:
        return pa.int32()
    return {"duration_ms": pa.float64(), "items": pa.list_(ITEM)}.get(name, pa.string())


LOGGED: Final = pa.schema(
    [
        pa.field("event_id", pa.binary(16), nullable=False),
        pa.field("event_type", pa.string(), nullable=False),
        pa.field("timestamp", TIME, nullable=False),
        pa.field("sent_at", TIME),
        pa.field("received_at", TIME, nullable=False),
        *(pa.field(name, pa.string()) for name in ("user_id", "anonymous_id", "session_id", "source")),
        pa.field("site", pa.string(), nullable=False),
        pa.field("dialect", pa.string(), nullable=False),
        pa.field("sender_key", pa.string()),
        pa.field("filled", pa.uint8(), nullable=False),
        *(pa.field(name, _property_type(name)) for name in PROPERTY_FIELDS),
        pa.field("properties", pa.string()),
        *(pa.field(name, pa.string()) for name in METADATA_FIELDS),
        pa.field("metadata", pa.string()),
        pa.field("extra", pa.string()),
    ]
)
"""A batch as the log keeps it."""

ENRICHED: Final = pa.schema(
    [
        pa.field("device_timestamp", TIME, nullable=False),
        pa.field("fingerprint", pa.uint64(), nullable=False),
        pa.field("log_partition", pa.int16(), nullable=False),
        pa.field("log_offset", pa.int64(), nullable=False),
        *(
            pa.field(name, pa.string())
            for name in (
                "page_path",
                "referrer_host",
                "traffic_source",
                "traffic_medium",
                "channel",
                "campaign",
                "browser",
                "os",
                "device_type",
            )
        ),
        pa.field("is_bot", pa.bool_(), nullable=False),
        pa.field("country", pa.string()),
        pa.field("revenue", MONEY),
        pa.field("rate", RATE),
    ]
)
"""What `process` adds."""

STORED: Final = pa.schema([*LOGGED, *ENRICHED])
"""A row of the table `events`."""

DEAD_LETTER: Final = pa.schema(
    [
        pa.field("reason", pa.string(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("event_id", pa.string()),
        pa.field("event_type", pa.string()),
        pa.field("dialect", pa.string(), nullable=False),
        pa.field("site", pa.string(), nullable=False),
        pa.field("sender_key", pa.string()),
        pa.field("received_at", TIME, nullable=False),
        pa.field("body", pa.binary(), nullable=False),
    ]
)
"""A rejected event as the log keeps it."""


class DeadLetter(Struct, frozen=True):
    """An event that is not taken: its bytes as they came, and why. `received_at` is microseconds since 1970."""

    reason: str
    field: str
    event_id: str | None
    event_type: str | None
    dialect: str
    site: str
    sender_key: str | None
    received_at: int
    body: bytes


class Violation(Struct, frozen=True):
    """What is wrong with one row of a batch: `field` is a path, `reason` a sentence without its subject."""

    row: int
    field: str
    reason: str


SHARED_ROWS_MAX: Final = 4_096
"""Longer columns are not kept for sharing: 512 of this length are 8 MB, and building one costs a long batch nothing."""


def nulls(count: int, kind: pa.DataType) -> pa.Array:
    """A column without values. Most of the contract's are, in any batch, so short ones are shared."""
    return _nulls(count, kind) if count <= SHARED_ROWS_MAX else pa.nulls(count, kind)


@lru_cache(maxsize=512)
def _nulls(count: int, kind: pa.DataType) -> pa.Array:
    return pa.nulls(count, kind)


def plain(kind: pa.DataType, values: np.ndarray[Any, Any]) -> pa.Array:
    """A column of numbers that are all there, with the memory of `values`, whose type is that of `kind` in Arrow."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)], 0)


def alike(value: str, count: int) -> pa.Array:
    """A text column that says the same in each row; short ones are shared."""
    return _alike(value, count) if count <= SHARED_ROWS_MAX else pa.array([value] * count, pa.string())


@lru_cache(maxsize=512)
def _alike(value: str, count: int) -> pa.Array:
    return pa.array([value] * count, pa.string())


def widened(batch: pa.RecordBatch) -> pa.RecordBatch:
    """All columns of `LOGGED`, of which a batch has those that hold anything."""
    present, count = dict(zip(batch.schema.names, batch.columns, strict=True)), len(batch)
    arrays = [present[name] if name in present else nulls(count, kind) for name, kind in _KINDS]
    return pa.RecordBatch.from_arrays(arrays, schema=LOGGED)


_KINDS: Final = tuple(zip(LOGGED.names, LOGGED.types, strict=True))
