"""What a batch may not hold, rule by rule, in columns: required fields, vocabularies, ranges, sizes, sums."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ecompulse.contract.columns import Violation
from ecompulse.contract.convert import SOME, Columns
from ecompulse.contract.currencies import CURRENCIES
from ecompulse.contract.event import (
    ENVIRONMENTS,
    EVENT_TYPES,
    ITEMS_LIMIT,
    METADATA_FIELDS,
    PROPERTY_FIELDS,
    SOURCES,
    TEXT_LIMIT,
    Item,
    text_limit,
)
from ecompulse.contract.money import Mask

Found = Iterator[tuple[Mask, str, str]]
"""(rows that break the rule, field path, reason)."""

EARLIEST_US: Final = 946_684_800_000_000
"""The year 2000: a shop's event before it comes from a clock that was never set."""
AHEAD_US: Final = 86_400_000_000
"""A day: a clock further ahead cannot be told from a mistake."""
QUANTITY_LIMIT: Final = 1_000_000
DURATION_LIMIT_MS: Final = 86_400_000.0
RANGES: Final[dict[str, tuple[float, float]]] = {
    "quantity": (1, QUANTITY_LIMIT),
    "results_count": (0, 2**31 - 1),
    "status_code": (100, 599),
    "duration_ms": (0, DURATION_LIMIT_MS),
}
"""Lowest and highest number of properties that are numbers, but no money."""
CENT: Final = 100
"""A cent in ten-thousandths."""
_TYPES: Final = tuple(EVENT_TYPES)
_WHO: Final = ("user_id", "anonymous_id", "session_id")
_GROUPS: Final = tuple(dict.fromkeys(group for kind in EVENT_TYPES.values() for group in kind.required))
"""Groups of names of which some event type requires at least one."""
_NEEDS: Final = np.array([*([group in kind.required for group in _GROUPS] for kind in EVENT_TYPES.values()), [False] * len(_GROUPS)])
"""By event type and group; the last row is of what is no event type."""
_NO_TEXTS: Final = frozenset({"total", "items"})
"""Of the names that are required."""
_PATHS: Final = {
    **{name: f"properties.{name}" for name in PROPERTY_FIELDS},
    **{name: f"metadata.{name}" for name in METADATA_FIELDS},
}
"""Columns whose field is not of the envelope."""
_WORDS: Final = tuple(
    (name, {None: None, **dict.fromkeys(words)}, told)
    for name, words, told in (
        ("source", SOURCES, "must be one of " + ", ".join(SOURCES)),
        ("environment", ENVIRONMENTS, "must be one of " + ", ".join(ENVIRONMENTS)),
        ("currency", CURRENCIES, "must be an ISO 4217 code such as EUR"),
    )
)
"""(column, the words that it may hold, reason)."""


def _flags(array: pa.Array) -> Mask:
    flags: Mask = array.fill_null(False).to_numpy(zero_copy_only=False)
    return flags


def _event_type(columns: Columns) -> Found:
    if columns.kinds.min() < 0:
        yield columns.kinds < 0, "event_type", "must be one of " + ", ".join(EVENT_TYPES)


def _time(columns: Columns) -> Found:
    array = columns.arrays["timestamp"]
    stamp = np.frombuffer(array.buffers()[1], np.int64)[array.offset : array.offset + len(array)]
    if stamp.min() < EARLIEST_US:
        yield stamp < EARLIEST_US, "timestamp", "is before the year 2000"
    if stamp.max() > columns.received_at_us + AHEAD_US:
        yield stamp > columns.received_at_us + AHEAD_US, "timestamp", "is more than a day ahead of the time of receipt"


def _who(columns: Columns) -> Found:
    for name in _WHO:
        if "" in columns.texts.get(name, ()):
            yield np.array([text == "" for text in columns.texts[name]]), name, "must not be empty"
    user, device = (columns.lengths[columns.places.get(name, -1)] for name in ("user_id", "anonymous_id"))
    known = (user + device) > 0
    if not known.all():
        yield ~known, "user_id", "is required, unless anonymous_id is given"


def _vocabularies(columns: Columns) -> Found:
    for name, words, told in _WORDS:
        texts = columns.texts.get(name)
        if texts is None:
            continue
        distinct = set(texts) if columns.count < SOME else pc.unique(columns.arrays[name]).to_pylist()
        if any(text not in words for text in distinct):
            yield np.array([text not in words for text in texts]), _PATHS.get(name, name), told


def _required(columns: Columns) -> Found:
    missing = _NEEDS[columns.kinds].T & ~_given(columns)
    if missing.any():
        for group, rows in zip(_GROUPS, missing, strict=True):
            for place in sorted(set(columns.kinds[rows].tolist())):
                told = f"is required for {_TYPES[place]}" + (f", unless {group[1]} is given" if len(group) > 1 else "")
                yield rows & (columns.kinds == place), _PATHS.get(group[0], group[0]), told


def _given(columns: Columns) -> Mask:
    """By group and row: whether a name of the group has a value that is not an empty text."""
    given: Mask = columns.lengths[[columns.places.get(group[0], -1) for group in _GROUPS]] > 0
    for place, group in enumerate(_GROUPS):
        for other in group[1:]:
            given[place] |= columns.lengths[columns.places.get(other, -1)] > 0
        if group[0] in _NO_TEXTS and group[0] in columns.held:
            given[place] = columns.arrays[group[0]].is_valid().to_numpy(zero_copy_only=False)
    return given


def _ranges(columns: Columns) -> Found:
    money, numbers = columns.money, columns.numbers
    if money.names and money.numbers.min() < 0:
        for name, units in zip(money.names, money.numbers, strict=True):
            yield units < 0, f"properties.{name}", "must be 0 or more"
    if not numbers.names:
        return
    limits = np.array([RANGES[name] for name in numbers.names])
    outside = (numbers.numbers < limits[:, :1]) | (numbers.numbers > limits[:, 1:])
    if outside.any():
        for name, rows, (low, high) in zip(numbers.names, outside, limits.tolist(), strict=True):
            yield rows, f"properties.{name}", f"must be from {low:g} to {high:,.0f}"


def _sizes(columns: Columns) -> Found:
    if columns.lengths.max() <= TEXT_LIMIT:  # in bytes, which are never fewer than characters
        return
    for name, lengths in zip(columns.texts, columns.lengths, strict=False):
        limit = text_limit(name)
        if lengths.max() > limit and name not in _RESTS:
            yield (
                _flags(pc.greater(pc.utf8_length(columns.arrays[name]), limit)),
                _PATHS.get(name, name),
                f"is longer than {limit:,} characters",
            )


_RESTS: Final = frozenset({"properties", "metadata", "extra"})
"""What the contract does not name: it was measured when it was read."""


def _purchases(columns: Columns) -> Iterator[Violation]:
    """The lines of each purchase, and whether it adds up (items − discount + shipping + tax = total, within a cent).

    Purchases are few among events, and of a few lines each: one after the other they take less than calls for whole columns.
    """
    sums = dict(zip(columns.money.names, columns.money.numbers, strict=True))
    for purchase in columns.purchases:
        row, items = purchase.row, purchase.items
        if not 1 <= len(items) <= ITEMS_LIMIT:
            yield Violation(row, "properties.items", f"must have 1 to {ITEMS_LIMIT} lines")
        for index, (item, price) in enumerate(zip(items, purchase.prices, strict=True)):
            for field, told in _line(item, price):
                yield Violation(row, f"properties.items.{index}.{field}", told)
        total, discount, shipping, tax = (int(sums[name][row]) if name in sums else 0 for name in ("total", "discount", "shipping", "tax"))
        due = sum(item.quantity * price for item, price in zip(items, purchase.prices, strict=True)) - discount + shipping + tax
        if abs(due - total) > CENT and columns.arrays["total"][row].is_valid:
            told = f"is {total / 10_000:.2f}, but items − discount + shipping + tax make {due / 10_000:.2f}"
            yield Violation(row, "properties.total", told)


def _line(item: Item, price: int) -> Iterator[tuple[str, str]]:
    """What is wrong with a line whose price is so many ten-thousandths: (field, reason)."""
    limit = text_limit("product_id")
    if not 1 <= len(item.product_id) <= limit:
        yield "product_id", f"must not be empty, nor longer than {limit:,} characters"
    if not 1 <= item.quantity <= QUANTITY_LIMIT:
        yield "quantity", f"must be from 1 to {QUANTITY_LIMIT:,}"
    if price < 0:
        yield "price", "must be 0 or more"
    for field, text in (("product_name", item.product_name), ("product_category", item.product_category)):
        if text is not None and len(text) > text_limit(field):
            yield field, f"is longer than {text_limit(field):,} characters"


RULES: Final[tuple[Callable[[Columns], Found], ...]] = (_event_type, _time, _who, _vocabularies, _required, _ranges, _sizes)


def violations(columns: Columns) -> list[Violation]:
    """The first thing wrong with each row, in order of rows; empty where all is well."""
    first = {violation.row: violation for violation in reversed(columns.violations)}
    for rule in RULES:
        for mask, field, reason in rule(columns):
            if mask.any():
                for row in np.flatnonzero(mask).tolist():
                    first.setdefault(row, Violation(row, field, reason))
    for violation in _purchases(columns):
        first.setdefault(violation.row, violation)
    return [first[row] for row in sorted(first)]
