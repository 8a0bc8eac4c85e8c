"""What a batch may not hold, rule by rule, in columns: required fields, vocabularies, ranges, sizes, sums."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ecompulse.contract.columns import Columns, Violation, scaled_values
from ecompulse.contract.currencies import CURRENCIES
from ecompulse.contract.event import ENVIRONMENTS, EVENT_TYPES, ITEMS_LIMIT, SOURCES, text_limit

Mask = np.ndarray[Any, np.dtype[np.bool_]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
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
_TYPES: Final = pa.array(EVENT_TYPES, pa.string())
_EMPTY: Final = pa.scalar("", pa.string())
_ENVELOPE_TEXTS: Final = ("user_id", "anonymous_id", "session_id")


def _flags(array: pa.Array) -> Mask:
    flags: Mask = array.fill_null(False).to_numpy(zero_copy_only=False)
    return flags


def _given(columns: Columns, name: str) -> Mask | None:
    """Rows with a value that is not an empty text; None where that is all of them."""
    array = columns.arrays[name]
    if array.null_count == len(array):
        return np.zeros(len(array), bool)
    empty = "" in columns.texts.get(name, ())
    if not array.null_count and not empty:
        return None
    given: Mask = array.is_valid().to_numpy(zero_copy_only=False)
    return given & _flags(pc.not_equal(array, _EMPTY)) if empty else given


def _event_type(columns: Columns) -> Found:
    if not set(columns.texts["event_type"]) <= EVENT_TYPES.keys():
        yield ~_flags(pc.is_in(columns.arrays["event_type"], _TYPES)), "event_type", "must be one of " + ", ".join(EVENT_TYPES)


def _time(columns: Columns) -> Found:
    array = columns.arrays["timestamp"]
    stamp = np.frombuffer(array.buffers()[1], np.int64)[array.offset : array.offset + len(array)]
    if array.null_count:  # what could not be read is named already
        stamp = np.where(array.is_valid().to_numpy(zero_copy_only=False), stamp, EARLIEST_US)
    yield stamp < EARLIEST_US, "timestamp", "is before the year 2000"
    yield stamp > columns.received_at_us + AHEAD_US, "timestamp", "is more than a day ahead of the time of receipt"


def _who(columns: Columns) -> Found:
    for name in _ENVELOPE_TEXTS:
        if "" in columns.texts.get(name, ()):
            yield _flags(pc.equal(columns.arrays[name], _EMPTY)), name, "must not be empty"
    known = _given(columns, "user_id")
    if known is not None:
        device = _given(columns, "anonymous_id")
        if device is not None:
            yield ~(known | device), "user_id", "is required, unless anonymous_id is given"


def _vocabularies(columns: Columns) -> Found:
    for name, field, words, told in _WORDS:
        if not set(columns.texts.get(name, ())) <= words.keys():
            array = columns.arrays[name]
            known = _flags(pc.is_in(array, pa.array(list(words), pa.string())))
            yield ~known & array.is_valid().to_numpy(zero_copy_only=False), field, told


_WORDS: Final = tuple(
    (name, field, {None: None, **dict.fromkeys(words)}, told)
    for name, field, words, told in (
        ("source", "source", SOURCES, "must be one of " + ", ".join(SOURCES)),
        ("environment", "metadata.environment", ENVIRONMENTS, "must be one of " + ", ".join(ENVIRONMENTS)),
        ("currency", "properties.currency", CURRENCIES, "must be an ISO 4217 code such as EUR"),
    )
)
"""(column, field path, the words that it may hold, reason)."""


def _required(columns: Columns) -> Found:
    types = columns.texts["event_type"]
    present = set(types)
    for name in present & EVENT_TYPES.keys():
        for group in EVENT_TYPES[str(name)].required:
            given = [_given(columns, field) for field in group]
            if any(mask is None for mask in given):
                continue
            missing = ~np.logical_or.reduce([mask for mask in given if mask is not None])
            if len(present) > 1:
                missing &= np.fromiter((one == name for one in types), bool, len(types))
            if missing.any():
                path = group[0] if group[0] == "user_id" else f"properties.{group[0]}"
                yield missing, path, f"is required for {name}" + (f", unless {group[1]} is given" if len(group) > 1 else "")


def _ranges(columns: Columns) -> Found:
    arrays = columns.arrays
    for name in ("price", "total", "discount", "shipping", "tax"):
        if arrays[name].null_count < len(arrays[name]):
            yield scaled_values(arrays[name]) < 0, f"properties.{name}", "must be 0 or more"
    for name, (low, high) in RANGES.items():
        if arrays[name].null_count < len(arrays[name]):
            values = arrays[name].fill_null(int(low)).to_numpy(zero_copy_only=False)
            yield (values < low) | (values > high), f"properties.{name}", f"must be from {low:g} to {high:,.0f}"


def _sizes(columns: Columns) -> Found:
    for name in columns.texts:
        array, limit = columns.arrays[name], text_limit(name)
        offsets = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
        if offsets[-1] - offsets[0] <= limit:  # all of them together are shorter
            continue
        if np.diff(offsets).max() > limit:  # bytes: never fewer than characters
            path = name if name in (*_ENVELOPE_TEXTS, "event_type") else f"metadata.{name}" if name in _METADATA else f"properties.{name}"
            yield _flags(pc.greater(pc.utf8_length(array), limit)), path, f"is longer than {limit:,} characters"


_METADATA: Final = frozenset({"sdk_version", "platform", "environment"})


def _purchases(columns: Columns) -> Iterator[Violation]:
    """The lines of each purchase, and whether it adds up (items − discount + shipping + tax = total, within a cent)."""
    arrays = columns.arrays
    items = arrays["items"]
    if items.null_count == len(items):
        return
    rows = np.flatnonzero(items.is_valid().to_numpy(zero_copy_only=False))
    offsets = np.frombuffer(items.buffers()[1], np.int32).astype(np.int64)
    starts, ends = offsets[rows], offsets[rows + 1]
    counts = ends - starts
    for row in rows[(counts < 1) | (counts > ITEMS_LIMIT)].tolist():
        yield Violation(row, "properties.items", f"must have 1 to {ITEMS_LIMIT} lines")
    lines = items.values
    yield from _lines(lines, rows, starts, ends)
    total, discount, shipping, tax = (scaled_values(arrays[name])[rows] for name in ("total", "discount", "shipping", "tax"))
    due = _sums(lines, starts, ends) - discount + shipping + tax
    off = arrays["total"].is_valid().to_numpy(zero_copy_only=False)[rows] & (np.abs(due - total) > CENT)
    for at in np.flatnonzero(off).tolist():
        told = f"is {total[at] / 10_000:.2f}, but items − discount + shipping + tax make {due[at] / 10_000:.2f}"
        yield Violation(int(rows[at]), "properties.total", told)


def _lines(lines: pa.StructArray, rows: Integers, starts: Integers, ends: Integers) -> Iterator[Violation]:
    quantities, prices = lines.field("quantity").to_numpy(), scaled_values(lines.field("price"))
    limit = text_limit("product_id")
    lengths = pc.utf8_length(lines.field("product_id")).to_numpy()
    wrongs: list[tuple[Mask, str, str]] = [
        ((lengths == 0) | (lengths > limit), "product_id", f"must not be empty, nor longer than {limit:,} characters"),
        ((quantities < 1) | (quantities > QUANTITY_LIMIT), "quantity", f"must be from 1 to {QUANTITY_LIMIT:,}"),
        (prices < 0, "price", "must be 0 or more"),
    ]
    for name in ("product_name", "product_category"):
        too_long = _flags(pc.greater(pc.utf8_length(lines.field(name)), text_limit(name)))
        wrongs.append((too_long, name, f"is longer than {text_limit(name):,} characters"))
    for line in np.flatnonzero(np.logical_or.reduce([mask for mask, _, _ in wrongs])).tolist():
        purchase = int(np.searchsorted(ends, line, side="right"))
        name, told = next((name, told) for mask, name, told in wrongs if mask[line])
        yield Violation(int(rows[purchase]), f"properties.items.{line - int(starts[purchase])}.{name}", told)


def _sums(lines: pa.StructArray, starts: Integers, ends: Integers) -> Integers:
    """Quantity times price of the lines of each purchase, in ten-thousandths; Python's integers where 64 bits might not hold them."""
    quantities, prices = lines.field("quantity").to_numpy().astype(np.int64), scaled_values(lines.field("price"))
    if np.abs(quantities.astype(float) * prices).max(initial=0) * ITEMS_LIMIT > 2.0**61:
        quantities, prices = quantities.astype(object), prices.astype(object)
    sums = np.concatenate([[0], np.cumsum(quantities * prices)])
    told: Integers = sums[ends] - sums[starts]  # of a cumulated sum that wrapped around, the differences are right
    return told


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
