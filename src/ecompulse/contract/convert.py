"""From structs to columns: the values of a group of events as arrays of the schema `LOGGED`, and what could not be converted.

A call into Arrow costs as much as a hundred values, and a group has some forty columns that hold anything. So columns of one kind are laid
end to end, converted in one call, and cut apart again; columns that hold nothing are shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from ecompulse.contract.columns import ITEM, LOGGED, SHARED_ROWS_MAX, TIME, Violation, nulls, plain
from ecompulse.contract.event import (
    ENVELOPE_FIELDS,
    EVENT_TYPES,
    INTEGER_FIELDS,
    METADATA_FIELDS,
    MONEY_FIELDS,
    PROPERTY_FIELDS,
    Event,
    Item,
)
from ecompulse.contract.ids import ids
from ecompulse.contract.money import money_array, scaled, scaled_money
from ecompulse.contract.rows import ENVELOPE, EventRows, Rest
from ecompulse.contract.times import times

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Kind = Literal["text", "time", "money", "integer", "number", "items"]
EventTypes = np.ndarray[Any, np.dtype[np.int8]]
Values = Sequence[Any]
"""Of one column, as they stand in the structs; None where there is none."""

SOME: Final = 512
"""From so many texts on, Arrow finds out which of a few words they are in less time than Python."""


class Block(Struct, frozen=True):
    """Columns of one kind as a matrix: `numbers[i]` are those of the column `names[i]`."""

    names: list[str]
    numbers: np.ndarray[Any, Any]


_NONE: Final = Block([], np.zeros((0, 0)))


class Purchase(Struct, frozen=True, gc=False):
    """The lines of an event that has some; `prices` are those of `items` in ten-thousandths."""

    row: int
    items: Sequence[Item]
    prices: list[int]


class Columns(Struct):
    """A batch under construction."""

    count: int
    received_at_us: int
    arrays: dict[str, pa.Array]
    """By name, all of `LOGGED` but site, dialect and sender_key."""
    held: list[str]
    """Names of the columns that hold anything."""
    violations: list[Violation]
    """What could not be converted."""
    kinds: EventTypes
    """The place of each event's type in `EVENT_TYPES`; -1 where it is none of them."""
    texts: dict[str, Values]
    """The values of the text columns that hold anything."""
    lengths: np.ndarray[Any, np.dtype[np.int32]]
    """Bytes of each text, a row for each of `texts` in their order; 0 where there is none. A last row, of no column, is all 0."""
    places: dict[str, int]
    """The row of each text column in `lengths`; -1 will do for one that holds nothing."""
    money: Block
    """Ten-thousandths of the sums of money that occur; 0 where there is none."""
    numbers: Block
    """The other numbers that occur; NaN where there is none."""
    purchases: list[Purchase]


def to_columns(events: Sequence[Event], received_at_us: int) -> Columns:
    """Convert structs to the columns that senders fill (not site, dialect and sender_key).

    What cannot be converted is null in its column and a violation. Missing ids and times are filled, and `filled` says so.
    """
    count = len(events)
    wrong: list[Violation] = []
    rows = events if isinstance(events, EventRows) else EventRows.of(events)
    envelope, held = _held(rows)
    arrays = dict(_without_values(count))
    filled = np.zeros(count, np.uint8)
    arrays["event_id"] = ids(envelope["event_id"], filled, wrong)
    arrays["timestamp"] = times("timestamp", envelope["timestamp"], wrong, filled, received_at_us)
    arrays["received_at"] = plain(TIME, np.full(count, received_at_us, np.int64))
    arrays["filled"] = plain(_UINT8, filled)
    for name, values in held["time"].items():
        arrays[name] = times(name, values, wrong)
    texts = held["text"]
    lengths = _texts(texts, count, arrays)
    kinds = _kinds(texts["event_type"], arrays["event_type"])
    money = _money(held["money"], count, arrays, wrong)
    numbers = _numbers(held["integer"], held["number"], count, arrays, wrong)
    purchases: list[Purchase] = []
    for name, values in held["items"].items():
        arrays[name], purchases = _items(values, rows.rests, wrong)
    if len(wrong) > 1:
        wrong.sort(key=_place)
    names = [*_ALWAYS, *(name for columns in held.values() for name in columns)]
    places = {name: place for place, name in enumerate(texts)}
    return Columns(count, received_at_us, arrays, names, wrong, kinds, texts, lengths, places, money, numbers, purchases)


def _held(rows: EventRows) -> tuple[dict[str, Values], dict[Kind, dict[str, Values]]]:
    """The envelope's values by field, and by kind those of the columns that hold anything."""
    envelope: dict[str, Values] = dict(zip(ENVELOPE, zip(*rows.envelopes, strict=True), strict=True))
    held: dict[Kind, dict[str, Values]] = {kind: {} for kind in _KINDS}
    nothing = (None,) * len(rows)  # comparing ends at the first value, and most columns have none
    for kind, name in _ENVELOPE_KINDS:
        if envelope[name] != nothing:
            held[kind][name] = envelope[name]
    for tuples, kinds in ((rows.abouts, _PROPERTY_KINDS), (rows.hows, _METADATA_KINDS)):
        for (kind, name), values in zip(kinds, zip(*tuples, strict=False), strict=False):  # names of their own stand behind these
            if values != nothing:
                held[kind][name] = values
    for column, attribute in _RESTS if rows.rests else ():
        texts: list[str | None] = [None] * len(rows)
        for place, rest in rows.rests.items():
            texts[place] = getattr(rest, attribute)
        if texts.count(None) < len(texts):
            held["text"][column] = texts
    return envelope, held


def _kind(name: str) -> Kind:
    if name in MONEY_FIELDS:
        return "money"
    if name in INTEGER_FIELDS:
        return "integer"
    return "items" if name == "items" else "number" if name == "duration_ms" else "text"


_KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_ALWAYS: Final = ("event_id", "timestamp", "received_at", "filled")
_ENVELOPE_KINDS: Final[tuple[tuple[Kind, str], ...]] = (
    ("text", "event_type"),
    ("time", "sent_at"),
    *(("text", name) for name in ("user_id", "anonymous_id", "session_id", "source")),
)
_PROPERTY_KINDS: Final = tuple((_kind(name), name) for name in PROPERTY_FIELDS)
_METADATA_KINDS: Final[tuple[tuple[Kind, str], ...]] = tuple(("text", name) for name in METADATA_FIELDS)
_ORDER: Final = {name: place for place, name in enumerate((*ENVELOPE_FIELDS, *PROPERTY_FIELDS))}
_RESTS: Final = (("properties", "properties"), ("metadata", "metadata"), ("extra", "envelope"))
"""(column, attribute of a `Rest`)."""


def _place(violation: Violation) -> int:
    """The order in which fields are looked at: of several that are wrong in an event, the first is named."""
    return _ORDER[violation.field.removeprefix("properties.").partition(".")[0]]


def _without_values(count: int) -> dict[str, pa.Array]:
    """A null column for each of the schema's."""
    return _shared(count) if count <= SHARED_ROWS_MAX else _made(count)


@lru_cache(maxsize=256)  # group sizes come again; 3 kB each beside the arrays
def _shared(count: int) -> dict[str, pa.Array]:
    return _made(count)


def _made(count: int) -> dict[str, pa.Array]:
    by_type = {kind: nulls(count, kind) for kind in dict.fromkeys(LOGGED.types)}
    return {field.name: by_type[field.type] for field in LOGGED}


def _texts(held: dict[str, Values], count: int, arrays: dict[str, pa.Array]) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Convert all texts in one call. Returns how long each is."""
    joined: list[str | None] = []
    for values in held.values():
        joined += values
    block = pa.array(joined, pa.string())
    for place, name in enumerate(held):
        arrays[name] = block.slice(place * count, count)
    lengths = np.zeros((len(held) + 1, count), np.int32)
    offsets = np.frombuffer(block.buffers()[1], np.int32)
    np.subtract(offsets[1 : len(block) + 1], offsets[: len(block)], out=lengths[:-1].reshape(-1))
    return lengths


def _kinds(texts: Values, array: pa.Array) -> EventTypes:
    if len(texts) < SOME:
        return np.array([_TYPE_PLACES.get(text, -1) for text in texts], np.int8)
    kinds: EventTypes = pc.index_in(array, _TYPES).fill_null(-1).to_numpy().astype(np.int8)
    return kinds


_TYPES: Final = pa.array(EVENT_TYPES, pa.string())
_TYPE_PLACES: Final = {name: place for place, name in enumerate(EVENT_TYPES)}


def _money(held: dict[str, Values], count: int, arrays: dict[str, pa.Array], wrong: list[Violation]) -> Block:
    if not held:
        return _NONE
    joined = [value for values in held.values() for value in values]
    names = list(held)
    units, present, odd = scaled(joined)
    block = money_array(units, present)
    for place, name in enumerate(names):
        arrays[name] = block.slice(place * count, count)
    for place in odd:
        told = 'must be a decimal number such as 19.99 or "19.99"'
        wrong.append(Violation(place % count, f"properties.{names[place // count]}", told))
    return Block(names, units.reshape(-1, count))


def _numbers(
    integers: dict[str, Values], floats: dict[str, Values], count: int, arrays: dict[str, pa.Array], wrong: list[Violation]
) -> Block:
    if not integers and not floats:
        return _NONE
    names = [*integers, *floats]
    matrix = np.empty((len(names), count))
    if integers:
        joined = [value for values in integers.values() for value in values]
        try:
            block = pa.array(joined, pa.int32())
        except (pa.ArrowInvalid, OverflowError):
            odd = {place for place, value in enumerate(joined) if value is not None and not -_INT32 <= value < _INT32}
            wrong.extend(Violation(place % count, f"properties.{names[place // count]}", "is out of range") for place in sorted(odd))
            block = pa.array([None if place in odd else value for place, value in enumerate(joined)], pa.int32())
        _cut(block, list(integers), count, arrays, matrix[: len(integers)])
    if floats:
        block = pa.array([value for values in floats.values() for value in values], pa.float64())
        _cut(block, list(floats), count, arrays, matrix[len(integers) :])
    return Block(names, matrix)


_UINT8: Final = pa.uint8()
_INT32: Final = 2**31


def _cut(block: pa.Array, names: list[str], count: int, arrays: dict[str, pa.Array], matrix: np.ndarray[Any, Any]) -> None:
    """Cut a block of numbers into its columns, and write their values into a matrix."""
    matrix.reshape(-1)[:] = block.to_numpy(zero_copy_only=False)  # NaN where there is none
    for place, name in enumerate(names):
        arrays[name] = block.slice(place * count, count)


def _items(values: Values, rests: dict[int, Rest], wrong: list[Violation]) -> tuple[pa.Array, list[Purchase]]:
    """The lines of purchases as a column, and as they came."""
    column: list[list[tuple[Any, ...]] | None] = [None] * len(values)
    purchases = []
    for row, items in enumerate(values):
        if items is None:
            continue
        kept = rests[row].items if row in rests else ()
        lines, prices = [], []
        for index, item in enumerate(items):
            price = scaled_money(item.price)
            if price is None:
                told = 'must be a decimal number such as 19.99 or "19.99"'
                wrong.append(Violation(row, f"properties.items.{index}.price", told))
            small = abs(item.quantity) < _INT32
            if not small:
                wrong.append(Violation(row, f"properties.items.{index}.quantity", "is out of range"))
            prices.append(price or 0)
            extra = kept[index] if kept else None
            quantity, exact = item.quantity if small else 0, Decimal(prices[-1]).scaleb(-4)
            lines.append((item.product_id, item.product_name, item.product_category, quantity, exact, extra))
        column[row] = lines
        purchases.append(Purchase(row, items, prices))
    return pa.array(column, _ITEMS), purchases


_ITEMS: Final = pa.list_(ITEM)
