"""Answers as rows: Arrow columns to what JSON and CSV can hold without losing anything.

Decimals become text, times RFC 3339 in UTC, ids text; a number that JSON has no word for (NaN, infinity) becomes null.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
import pyarrow as pa

SAFE_INTEGER: Final = 2**53
"""Beyond it a JSON number loses digits in JavaScript and most other readers; such integers become text."""
_CENT: Final = Decimal("0.01")


def money_text(amount: Decimal) -> str:
    """A decimal as text: two places, more only where they are not zero."""
    plain = amount.normalize()
    exponent = plain.as_tuple().exponent
    return format(plain.quantize(_CENT) if isinstance(exponent, int) and exponent > -2 and abs(plain) < Decimal("1e24") else plain, "f")


def time_text(moment: datetime) -> str:
    """A time in RFC 3339, in UTC."""
    utc = moment.astimezone(UTC) if moment.tzinfo else moment
    text = utc.isoformat(timespec="microseconds" if utc.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def plain(value: Any) -> Any:
    """Any value of an Arrow column as JSON holds it."""
    for kind, turn in _TURNS:
        if isinstance(value, kind):
            return turn(value)
    return str(value)


def _decimal(value: Decimal) -> Any:
    if value == value.to_integral_value() and value.as_tuple().exponent == 0:
        return plain(int(value))  # DuckDB hands out its 128-bit integers as decimals without a fraction
    return money_text(value)


_TURNS: Final[tuple[tuple[type | tuple[type, ...], Callable[[Any], Any]], ...]] = (
    ((type(None), str, bool), lambda value: value),
    (int, lambda value: value if abs(value) <= SAFE_INTEGER else str(value)),
    (float, lambda value: value if math.isfinite(value) else None),
    (Decimal, _decimal),
    (datetime, time_text),
    ((date, time), lambda value: value.isoformat()),
    (timedelta, lambda value: f"{value.total_seconds():g} s"),
    (UUID, str),
    (bytes, lambda value: value.hex()),
    (dict, lambda value: {str(key): plain(inner) for key, inner in value.items()}),
    (pa.MonthDayNano, lambda value: f"{value.months} months {value.days} days {value.nanoseconds / 1e9:g} seconds"),
    ((list, tuple), lambda value: [plain(inner) for inner in value]),
)


def _column(column: pa.ChunkedArray) -> list[Any]:
    kind = column.type
    values: list[Any] = column.to_pylist()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind) or pa.types.is_int32(kind):
        return values
    return [plain(value) for value in values]


def rows(table: pa.Table) -> list[list[Any]]:
    """The rows of a table, as JSON holds them."""
    if not table.num_columns:
        return []
    return [list(row) for row in zip(*(_column(column) for column in table.columns), strict=True)]


def csv_text(table: pa.Table) -> bytes:
    """The table as CSV (RFC 4180) with a header; null is an empty field, nested values are JSON."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(table.column_names)
    writer.writerows([msgspec.json.encode(cell).decode() if isinstance(cell, list | dict) else cell for cell in row] for row in rows(table))
    return out.getvalue().encode()


def arrow_stream(table: pa.Table) -> bytes:
    """The table as an Arrow IPC stream; ids become text, everything else keeps its type."""
    sink = pa.BufferOutputStream()
    fields = [(name, _text_ids(column)) for name, column in zip(table.column_names, table.columns, strict=True)]
    readable = pa.Table.from_arrays([column for _, column in fields], names=[name for name, _ in fields])
    with pa.ipc.new_stream(sink, readable.schema) as writer:
        writer.write_table(readable)
    return bytes(sink.getvalue())


def _text_ids(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if isinstance(column.type, pa.UuidType):
        return pa.chunked_array([pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())])
    return column
