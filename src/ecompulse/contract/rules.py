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
Found = Iterator[tuple[Mask, str, str]]
"""(rows that break the rule, field path, reason)."""

EARLIEST_US: Final = 946_684_800_000_000
"""The year 2000: a shop's event before it comes from a clock that was never set."""
AHEAD_US: Final = 86_400_000_000
"""A day: a clock further ahead cannot be told from a mistake."""
QUANTITY_LIMIT: Final = 1_000_000
DURATION_LIMIT_MS: Final = 86_400_000.0
CENT: Final = 100
"""A cent in ten-thousandths."""
_TYPES, _SOURCES, _ENVIRONMENTS, _CURRENCIES = (pa.array(words, pa.string()) for words in (EVENT_TYPES, SOURCES, ENVIRONMENTS, CURRENCIES))
_EMPTY: Final = pa.scalar("", pa.string())
_ENVELOPE_TEXTS: Final = ("user_id", "anonymous_id", "session_id")


def _flags(array: pa.Array) -> Mask:
    flags: Mask = array.fill_null(False).to_numpy(zero_copy_only=False)
    return flags


def _given(array: pa.Array) -> Mask:
    """Rows with a value that is not an empty text."""
    if array.null_count == len(array):
        return np.zeros(len(array), bool)
    given: Mask = array.is_valid().to_numpy(zero_copy_only=False)
    return given & _flags(pc.not_equal(array, _EMPTY)) if pa.types.is_string(array.type) else given


def _event_type(arrays: dict[str, pa.Array]) -> Found:
    known = pc.is_in(arrays["event_type"], _TYPES)
    if known.true_count != len(known):
        yield ~_flags(known), "event_type", "must be one of " + ", ".join(EVENT_TYPES)


def _time(arrays: dict[str, pa.Array]) -> Found:
    stamp = arrays["timestamp"].cast(pa.int64()).fill_null(EARLIEST_US).to_numpy(zero_copy_only=False)
    received = arrays["received_at"].cast(pa.int64()).to_numpy(zero_copy_only=False)
    yield stamp < EARLIEST_US, "timestamp", "is before the year 2000"
    yield stamp > received + AHEAD_US, "timestamp", "is more than a day ahead of the time of receipt"


def _who(arrays: dict[str, pa.Array]) -> Found:
    for name in _ENVELOPE_TEXTS:
        if arrays[name].null_count < len(arrays[name]):
            yield _flags(pc.equal(arrays[name], _EMPTY)), name, "must not be empty"
    if arrays["user_id"].null_count:
        yield ~(_given(arrays["user_id"]) | _given(arrays["anonymous_id"])), "user_id", "is required, unless anonymous_id is given"


def _vocabularies(arrays: dict[str, pa.Array]) -> Found:
    for name, field, words in (
        ("source", "source", _SOURCES),
        ("environment", "metadata.environment", _ENVIRONMENTS),
        ("currency", "properties.currency", _CURRENCIES),
    ):
        array = arrays[name]
        if array.null_count < len(array):
            wrong = ~_flags(pc.is_in(array, words)) & array.is_valid().to_numpy(zero_copy_only=False)
            yield (
                wrong,
                field,
                "must be an ISO 4217 code such as EUR" if name == "currency" else "must be one of " + ", ".join(words.to_pylist()),
            )


def _required(arrays: dict[str, pa.Array]) -> Found:
    types = arrays["event_type"].dictionary_encode()
    codes = types.indices.to_numpy()
    for code, name in enumerate(types.dictionary.to_pylist()):
        declared = EVENT_TYPES.get(name)
        if declared is None:
            continue
        rows = np.flatnonzero(codes == code)
        for group in declared.required:
            given = np.zeros(len(rows), bool)
            for field in group:
                given |= _given(arrays[field].take(rows))
            if not given.all():
                missing = np.zeros(len(codes), bool)
                missing[rows[~given]] = True
                path = group[0] if group[0] == "user_id" else f"properties.{group[0]}"
                yield missing, path, f"is required for {name}" + (f", unless {group[1]} is given" if len(group) > 1 else "")


def _ranges(arrays: dict[str, pa.Array]) -> Found:
    for name in ("price", "total", "discount", "shipping", "tax"):
        if arrays[name].null_count < len(arrays[name]):
            yield scaled_values(arrays[name]) < 0, f"properties.{name}", "must be 0 or more"
    limits: tuple[tuple[str, float, float], ...] = (
        ("quantity", 1, QUANTITY_LIMIT),
        ("results_count", 0, 2**31 - 1),
        ("status_code", 100, 599),
        ("duration_ms", 0, DURATION_LIMIT_MS),
    )
    for name, low, high in limits:
        if arrays[name].null_count < len(arrays[name]):
            values = arrays[name].fill_null(int(low)).to_numpy(zero_copy_only=False)
            yield (values < low) | (values > high), f"properties.{name}", f"must be from {low:g} to {high:,.0f}"


def _sizes(arrays: dict[str, pa.Array]) -> Found:
    for name, array in arrays.items():
        if name in _NOT_SIZED or not pa.types.is_string(array.type) or array.null_count == len(array):
            continue
        limit = text_limit(name)
        offsets = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
        if len(offsets) > 1 and np.diff(offsets).max() > limit:  # bytes: never fewer than characters
            path = name if name in (*_ENVELOPE_TEXTS, "event_type") else f"metadata.{name}" if name in _METADATA else f"properties.{name}"
            yield _flags(pc.greater(pc.utf8_length(array), limit)), path, f"is longer than {limit:,} characters"


_NOT_SIZED: Final = frozenset({"properties", "metadata", "extra"})
_METADATA: Final = frozenset({"sdk_version", "platform", "environment"})


def _purchases(columns: Columns) -> Iterator[Violation]:
    """The lines of each purchase, and whether it adds up (items − discount + shipping + tax = total, within a cent)."""
    arrays = columns.arrays
    items = arrays["items"]
    if items.null_count == len(items):
        return
    rows = np.flatnonzero(items.is_valid().to_numpy(zero_copy_only=False))
    offsets = np.frombuffer(items.buffers()[1], np.int32)
    lines = items.values
    quantities, prices = lines.field("quantity").to_numpy(), scaled_values(lines.field("price"))
    products = lines.field("product_id").to_pylist()
    total, discount, shipping, tax = (scaled_values(arrays[name]) for name in ("total", "discount", "shipping", "tax"))
    has_total = arrays["total"].is_valid().to_numpy(zero_copy_only=False)
    sums = np.concatenate([[0], np.cumsum(quantities.astype(np.int64) * prices)])
    for row in rows.tolist():
        start, end = int(offsets[row]), int(offsets[row + 1])
        if not 1 <= end - start <= ITEMS_LIMIT:
            yield Violation(row, "properties.items", f"must have 1 to {ITEMS_LIMIT} lines")
            continue
        for line in range(start, end):
            path = f"properties.items.{line - start}"
            if not products[line] or len(products[line]) > text_limit("product_id"):
                yield Violation(row, f"{path}.product_id", "must not be empty, nor longer than 1,024 characters")
            if not 1 <= quantities[line] <= QUANTITY_LIMIT:
                yield Violation(row, f"{path}.quantity", f"must be from 1 to {QUANTITY_LIMIT:,}")
            if prices[line] < 0:
                yield Violation(row, f"{path}.price", "must be 0 or more")
        if has_total[row]:
            due = int(sums[end] - sums[start] - discount[row] + shipping[row] + tax[row])
            if abs(due - int(total[row])) > CENT:
                yield Violation(
                    row,
                    "properties.total",
                    f"is {total[row] / 10_000:.2f}, but items − discount + shipping + tax make {due / 10_000:.2f}",
                )


RULES: Final[tuple[Callable[[dict[str, pa.Array]], Found], ...]] = (_event_type, _time, _who, _vocabularies, _required, _ranges, _sizes)


def violations(columns: Columns) -> list[Violation]:
    """The first thing wrong with each row, in order of rows; empty where all is well."""
    first = {violation.row: violation for violation in reversed(columns.violations)}
    for rule in RULES:
        for mask, field, reason in rule(columns.arrays):
            if mask.any():
                for row in np.flatnonzero(mask).tolist():
                    first.setdefault(row, Violation(row, field, reason))
    for violation in _purchases(columns):
        first.setdefault(violation.row, violation)
    return [first[row] for row in sorted(first)]
