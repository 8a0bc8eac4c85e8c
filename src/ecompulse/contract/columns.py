"""Events as Arrow columns: the schemas, and the way from structs to a record batch."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct
from msgspec.structs import astuple

from ecompulse.contract.event import (
    ENVELOPE_FIELDS,
    INTEGER_FIELDS,
    METADATA_FIELDS,
    MONEY_FIELDS,
    PROPERTY_FIELDS,
    Event,
    Metadata,
    Properties,
)
from ecompulse.contract.read import KeptEvent

TIME: Final = pa.timestamp("us", tz="UTC")
MONEY: Final = pa.decimal128(18, 4)
_TEXT: Final = pa.string()
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


class Columns(Struct):
    """A batch under construction: its arrays by name, what could not be converted, and the values of text columns as they came."""

    arrays: dict[str, pa.Array]
    violations: list[Violation]
    events: list[Event]
    received_at_us: int
    texts: dict[str, Sequence[str | None]]
    """Of the text columns that hold anything: a look into a tuple costs a tenth of a call into Arrow, and groups are often small."""


_PROPERTY_TYPES: Final = {name: LOGGED.field(name).type for name in PROPERTY_FIELDS}
_NO_PROPERTIES: Final = Properties()
_NO_METADATA: Final = Metadata()


def to_columns(events: list[Event], received_at_us: int) -> Columns:
    """Convert structs to the columns that senders fill (not site, dialect and sender_key).

    What cannot be converted is null in its column and a violation. Missing ids and times are filled, and `filled` says so.
    """
    count = len(events)
    violations: list[Violation] = []
    envelope = dict(zip(ENVELOPE_FIELDS, zip(*map(astuple, events), strict=False), strict=False))
    arrays: dict[str, pa.Array] = {}
    filled = np.zeros(count, np.uint8)
    arrays["event_id"] = _ids(envelope["event_id"], filled, violations)
    arrays["event_type"] = pa.array(envelope["event_type"], pa.string())
    texts: dict[str, Sequence[str | None]] = {"event_type": envelope["event_type"]}
    arrays["timestamp"] = _times("timestamp", envelope["timestamp"], violations, filled, received_at_us)
    arrays["sent_at"] = _times("sent_at", envelope["sent_at"], violations)
    received = pa.py_buffer(np.full(count, received_at_us, np.int64))
    arrays["received_at"] = pa.Array.from_buffers(TIME, count, [None, received])
    for name in ("user_id", "anonymous_id", "session_id", "source"):
        arrays[name] = _texts(name, envelope[name], texts)
    arrays["filled"] = pa.array(filled)
    properties = [event.properties or _NO_PROPERTIES for event in events]
    for name, values in zip(PROPERTY_FIELDS, zip(*map(astuple, properties), strict=True), strict=True):
        if values.count(None) == count:
            arrays[name] = nulls(count, _PROPERTY_TYPES[name])
        elif name in MONEY_FIELDS:
            arrays[name] = _money(f"properties.{name}", values, violations)
        elif name in INTEGER_FIELDS:
            arrays[name] = _integers(f"properties.{name}", values, violations)
        elif name == "duration_ms":
            arrays[name] = pa.array(values, pa.float64())
        elif name == "items":
            arrays[name] = _items(events, values, violations)
        else:
            arrays[name] = _texts(name, values, texts)
    metadata = [event.metadata or _NO_METADATA for event in events]
    for name, values in zip(METADATA_FIELDS, zip(*map(astuple, metadata), strict=True), strict=True):
        arrays[name] = _texts(name, values, texts)
    _rests(events, arrays)
    return Columns(arrays, violations, events, received_at_us, texts)


SHARED_ROWS_MAX: Final = 4_096
"""Longer columns are not kept for sharing: 512 of this length are 8 MB, and building one costs a long batch nothing."""


def nulls(count: int, kind: pa.DataType) -> pa.Array:
    """A column without values. Most of the contract's are, in any batch, so short ones are shared."""
    return _nulls(count, kind) if count <= SHARED_ROWS_MAX else pa.nulls(count, kind)


@lru_cache(maxsize=512)
def _nulls(count: int, kind: pa.DataType) -> pa.Array:
    return pa.nulls(count, kind)


def alike(value: str, count: int) -> pa.Array:
    """A text column that says the same in each row; short ones are shared."""
    return _alike(value, count) if count <= SHARED_ROWS_MAX else pa.array([value] * count, pa.string())


@lru_cache(maxsize=512)
def _alike(value: str, count: int) -> pa.Array:
    return pa.array([value] * count, pa.string())


def _texts(name: str, values: Sequence[str | None], texts: dict[str, Sequence[str | None]]) -> pa.Array:
    if values.count(None) == len(values):
        return nulls(len(values), _TEXT)
    texts[name] = values
    return pa.array(values, _TEXT)


def _rests(events: list[Event], arrays: dict[str, pa.Array]) -> None:
    if KeptEvent not in set(map(type, events)):
        for name in ("properties", "metadata", "extra"):
            arrays[name] = nulls(len(events), pa.string())
        return
    for name, attribute in (("properties", "rest_properties"), ("metadata", "rest_metadata"), ("extra", "rest_envelope")):
        arrays[name] = pa.array([getattr(event, attribute, None) for event in events], pa.string())


def uuid7(count: int, time_ms: int | None = None) -> bytes:
    """`count` UUIDs of version 7 (RFC 9562, section 5.7), 16 bytes each, in one bytes object."""
    made = np.frombuffer(bytearray(os.urandom(16 * count)), np.uint8).reshape(count, 16)
    stamp = (time_ms if time_ms is not None else time.time_ns() // 1_000_000).to_bytes(6, "big")
    made[:, :6] = np.frombuffer(stamp, np.uint8)
    made[:, 6] = (made[:, 6] & 0x0F) | 0x70
    made[:, 8] = (made[:, 8] & 0x3F) | 0x80
    return made.tobytes()


def _ids(texts: Sequence[str | None], filled: np.ndarray[Any, np.dtype[np.uint8]], violations: list[Violation]) -> pa.Array:
    count = len(texts)
    try:
        joined = "".join(texts).encode("ascii")  # type: ignore[arg-type]  # a None is a TypeError and takes the slow way
        if set(map(len, texts)) == {36}:  # type: ignore[arg-type]  # none is None: they were joined
            matrix = np.frombuffer(joined, np.uint8).reshape(count, 36)
            if (matrix[:, [8, 13, 18, 23]] == ord("-")).all():
                raw = bytes.fromhex(np.delete(matrix, [8, 13, 18, 23], axis=1).tobytes().decode())
                if len(raw) == 16 * count:
                    return _binary16(raw, count)
    except (TypeError, ValueError):
        pass  # some id is missing or wrong: which one is found below
    out = bytearray()
    for row, text in enumerate(texts):
        if text is None:
            out += uuid7(1)
            filled[row] |= FILLED_ID
            continue
        found = _uuid(text)
        if found is None:
            violations.append(Violation(row, "event_id", "must be a UUID"))
        out += found or bytes(16)
    return _binary16(bytes(out), count)


def _uuid(text: str) -> bytes | None:
    bare = text.replace("-", "") if len(text) == 36 and text[8] == text[13] == text[18] == text[23] == "-" else ""
    try:
        raw = bytes.fromhex(bare) if len(bare) == 32 and bare.isalnum() else b""
    except ValueError:
        return None
    return raw if len(raw) == 16 else None


def _binary16(raw: bytes, count: int) -> pa.Array:
    return pa.Array.from_buffers(pa.binary(16), count, [None, pa.py_buffer(raw)])


def _times(
    field: str,
    texts: Sequence[str | None],
    violations: list[Violation],
    filled: np.ndarray[Any, np.dtype[np.uint8]] | None = None,
    fill_us: int | None = None,
) -> pa.Array:
    if texts.count(None) == len(texts) and fill_us is None:
        return nulls(len(texts), TIME)
    try:
        array = pa.array(texts, pa.string()).cast(TIME)
        earliest = pc.min(array).value
        if earliest is not None and earliest < _YEAR_1_US:
            raise pa.ArrowInvalid("Arrow takes the year 0, datetime does not: a verdict must not depend on the events beside it")
    except pa.ArrowInvalid:
        array = pa.array([_time(field, row, text, violations) for row, text in enumerate(texts)], pa.int64()).cast(TIME)
    if array.null_count and fill_us is not None and filled is not None:
        missing = np.array([text is None for text in texts])
        filled[missing] |= FILLED_TIME
        array = array.fill_null(pa.scalar(fill_us, pa.int64()).cast(TIME))
    return array


def _time(field: str, row: int, text: str | None, violations: list[Violation]) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            violations.append(Violation(row, field, "has no time zone: end it with Z or an offset such as +02:00"))
            return None
        return (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        violations.append(Violation(row, field, "must be an ISO 8601 time with zone, such as 2026-01-31T12:00:00Z"))
        return None


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_YEAR_1_US: Final = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_TEN_THOUSANDTH: Final = Decimal("0.0001")
_FLOAT_EXACT: Final = 1e11
"""Below it, a float of at most four decimals times 10,000 rounds to exactly the integer that was meant (error under 2^-10)."""
_MONEY_LIMIT: Final = Decimal(10) ** 14
_DECIMAL_TEXT: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
"""What is a decimal number in a text; Python's Decimal would also take `1_000`, digits of other scripts and spaces."""


def scaled_money(value: float | str) -> int | None:
    """A money value in ten-thousandths, rounded half-even; None where it is no decimal number of at most 14 digits before the point."""
    if isinstance(value, str) and not _DECIMAL_TEXT.fullmatch(value):
        return None
    try:
        exact = Decimal(value if isinstance(value, str) else repr(value)).quantize(_TEN_THOUSANDTH, ROUND_HALF_EVEN)
    except InvalidOperation:
        return None
    return int(exact.scaleb(4)) if exact.is_finite() and abs(exact) < _MONEY_LIMIT else None


def _money(field: str, values: Sequence[float | str | None], violations: list[Violation]) -> pa.Array:
    try:
        floats = pa.array(values, pa.float64())
        numbers = floats.to_numpy(zero_copy_only=False)
        present = ~np.isnan(numbers)
        if (np.abs(numbers[present]) < _FLOAT_EXACT).all():
            product = np.where(present, numbers, 0) * 10_000
            scaled = np.rint(product).astype(np.int64)
            # Where a fifth decimal is near a half, the product's own error could decide: there the number as written does.
            for row in np.flatnonzero(np.abs(product - scaled) > 0.5 - np.abs(product) * 2.0**-51).tolist():
                scaled[row] = scaled_money(values[row] or 0.0)
            return money_array(scaled, present)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        pass  # some are decimal strings: one by one below
    scaled, present = np.zeros(len(values), np.int64), np.zeros(len(values), bool)
    for row, value in enumerate(values):
        if value is None:
            continue
        number = scaled_money(value)
        if number is None:
            violations.append(Violation(row, field, 'must be a decimal number such as 19.99 or "19.99"'))
        else:
            scaled[row], present[row] = number, True
    return money_array(scaled, present)


def money_array(scaled: np.ndarray[Any, np.dtype[np.int64]], present: np.ndarray[Any, np.dtype[np.bool_]]) -> pa.Array:
    """decimal128(18, 4) from ten-thousandths; null where not `present`."""
    words = np.empty((len(scaled), 2), np.int64)
    words[:, 0] = scaled
    words[:, 1] = scaled >> 63
    validity = None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))
    return pa.Array.from_buffers(MONEY, len(scaled), [validity, pa.py_buffer(words)])


def scaled_values(array: pa.Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The ten-thousandths of a money array (0 where null): the lower word of each decimal, which holds all of decimal(18, 4)."""
    words = np.frombuffer(array.buffers()[1], np.int64).reshape(-1, 2)[array.offset : array.offset + len(array), 0]
    return words if not array.null_count else np.where(array.is_valid().to_numpy(zero_copy_only=False), words, 0)


def _integers(field: str, values: Sequence[int | None], violations: list[Violation]) -> pa.Array:
    try:
        return pa.array(values, pa.int32())
    except (pa.ArrowInvalid, OverflowError):
        kept = [value if value is None or abs(value) < 2**31 else None for value in values]
        violations.extend(
            Violation(row, field, "is out of range") for row, value in enumerate(values) if value is not None and kept[row] is None
        )
        return pa.array(kept, pa.int32())


def _items(events: list[Event], values: Sequence[Any], violations: list[Violation]) -> pa.Array:
    offsets, ids, names, categories, quantities, prices, rests = [0], [], [], [], [], [], []
    present = np.zeros(len(values), bool)
    for row, items in enumerate(values):
        if items is not None:
            present[row] = True
            kept = getattr(events[row], "rest_items", ())
            for index, item in enumerate(items):
                price = scaled_money(item.price)
                if price is None:
                    violations.append(
                        Violation(row, f"properties.items.{index}.price", 'must be a decimal number such as 19.99 or "19.99"')
                    )
                small = abs(item.quantity) < 2**31
                if not small:
                    violations.append(Violation(row, f"properties.items.{index}.quantity", "is out of range"))
                ids.append(item.product_id)
                names.append(item.product_name)
                categories.append(item.product_category)
                quantities.append(item.quantity if small else 0)
                prices.append(price or 0)
                rests.append(kept[index] if kept else None)
        offsets.append(len(ids))
    lines = pa.StructArray.from_arrays(
        [
            pa.array(ids, pa.string()),
            pa.array(names, pa.string()),
            pa.array(categories, pa.string()),
            pa.array(quantities, pa.int32()),
            money_array(np.array(prices, np.int64), np.ones(len(prices), bool)),
            pa.array(rests, pa.string()),
        ],
        fields=list(ITEM),
    )
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), lines, type=pa.list_(ITEM), mask=pa.array(~present))
