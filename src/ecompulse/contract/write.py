"""From columns back to events: rows of `events`, or of a logged batch, as the canonical JSON that a sender could send again.

Money is a decimal string without trailing zeros, a time RFC 3339 in UTC with microseconds; what the contract does not name stands where
it stood.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from ecompulse.contract.columns import TIME
from ecompulse.contract.event import ENVELOPE_FIELDS, METADATA_FIELDS, PROPERTY_FIELDS

_ENVELOPE: Final = tuple(name for name in ENVELOPE_FIELDS if name not in ("properties", "metadata"))
_encoder: Final = msgspec.json.Encoder()


def to_events(rows: pa.RecordBatch | pa.Table) -> list[dict[str, Any]]:
    """Events in the canonical envelope, one a row. Columns may be those of `LOGGED` or of `STORED`, ids 16 bytes, text or UUIDs."""
    events: list[dict[str, Any]] = [{} for _ in range(rows.num_rows)]
    _fill(events, rows, _ENVELOPE)
    for event, (about, how, rest) in zip(events, zip(*(_group(rows, *group) for group in _GROUPS), strict=True), strict=True):
        if about:
            event["properties"] = about
        if how:
            event["metadata"] = how
        event.update(rest)
    return events


def to_ndjson(rows: pa.RecordBatch | pa.Table) -> bytes:
    """The same as NDJSON, UTF-8, one event a line."""
    return _encoder.encode_lines(to_events(rows))


_GROUPS: Final = ((PROPERTY_FIELDS, "properties"), (METADATA_FIELDS, "metadata"), ((), "extra"))


def _group(rows: pa.RecordBatch | pa.Table, names: tuple[str, ...], rest: str) -> list[dict[str, Any]]:
    """The named values of each row, and after them what its column `rest` holds as JSON."""
    group: list[dict[str, Any]] = [{} for _ in range(rows.num_rows)]
    _fill(group, rows, names)
    if rest in rows.schema.names:
        for values, text in zip(group, rows.column(rest).to_pylist(), strict=True):
            if text is not None:
                values.update(msgspec.json.decode(text))
    return group


def _fill(objects: list[dict[str, Any]], rows: pa.RecordBatch | pa.Table, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in rows.schema.names:
            continue
        column = rows.column(name)
        if column.null_count < len(column):
            convert = _converter(name, column.type)
            texts = _time_texts(column) if pa.types.is_timestamp(column.type) else column.to_pylist()
            for target, value in zip(objects, texts, strict=True):
                if value is not None:
                    target[name] = convert(value)


def _converter(name: str, kind: pa.DataType) -> Callable[[Any], Any]:
    if name == "event_id":
        return _uuid_text
    if pa.types.is_decimal(kind):
        return money_text
    return _lines if name == "items" else _same


def _same(value: Any) -> Any:
    return value


def _uuid_text(value: bytes | str | uuid.UUID) -> str:
    return str(uuid.UUID(bytes=value) if isinstance(value, bytes) else value)


def money_text(value: Decimal) -> str:
    """A decimal as plain digits, without trailing zeros: `19.99`, `5`, `0.0001`."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _time_texts(column: pa.ChunkedArray | pa.Array) -> list[str | None]:
    local = column.cast(TIME).cast(pa.timestamp("us"))  # UTC without its zone, so that no time zone database is asked
    texts = pc.replace_substring(local.cast(pa.string()), " ", "T", max_replacements=1)
    return list(pc.binary_join_element_wise(texts, "Z", "").to_pylist())


def _lines(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_line(item) for item in items]


def _line(item: dict[str, Any]) -> dict[str, Any]:
    rest = item.get("extra")
    named = {name: value for name, value in item.items() if value is not None and name != "extra"}
    named["price"] = money_text(item["price"])
    return {**named, **msgspec.json.decode(rest)} if rest is not None else named
