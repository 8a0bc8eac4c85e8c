"""A logged event as Avro: one record with the columns of `columns.LOGGED`, for consumers that read a topic or a file.

Money is decimal(18, 4), times are timestamp-micros, what the contract does not name is JSON text; what may be absent is a union with null,
null by default.
"""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa

from ecompulse.contract.columns import LOGGED
from ecompulse.contract.fields import ITEM, VERSION
from ecompulse.contract.notes import COLUMN_NOTES

NAMESPACE: Final = "ecompulse"
_PRIMITIVES: Final[dict[pa.DataType, Any]] = {
    pa.binary(16): {"type": "string", "logicalType": "uuid"},
    pa.string(): "string",
    pa.bool_(): "boolean",
    pa.uint8(): "int",
    pa.int16(): "int",
    pa.int32(): "int",
    pa.int64(): "long",
    pa.float64(): "double",
    pa.timestamp("us", tz="UTC"): {"type": "long", "logicalType": "timestamp-micros"},
}


def avro_schema() -> dict[str, Any]:
    """The record `ecompulse.Event`.

    Raises:
        KeyError: the contract uses an Arrow type that has no Avro type here yet.
    """
    return {
        "type": "record",
        "name": "Event",
        "namespace": NAMESPACE,
        "doc": f"One event of a shop, version {VERSION} of the contract.",
        "fields": [_field(field, COLUMN_NOTES[field.name]) for field in LOGGED],
    }


def _field(field: pa.Field, note: str) -> dict[str, Any]:
    kind = _type(field.type)
    named = {"name": field.name, "doc": note}
    return {**named, "type": ["null", kind], "default": None} if field.nullable else {**named, "type": kind}


def _type(kind: pa.DataType) -> Any:
    if pa.types.is_list(kind):
        return {"type": "array", "items": _type(kind.value_type)}
    if pa.types.is_struct(kind):
        notes = {field.name: field for field in ITEM}
        fields = [
            _field(inner.with_nullable(inner.name not in notes or not notes[inner.name].required), _item_note(inner.name))
            for inner in kind.fields
        ]
        return {"type": "record", "name": "Item", "namespace": NAMESPACE, "doc": "A line of a purchase.", "fields": fields}
    if pa.types.is_decimal(kind):
        return {"type": "bytes", "logicalType": "decimal", "precision": kind.precision, "scale": kind.scale}
    return _PRIMITIVES[kind]


def _item_note(name: str) -> str:
    return next((field.description for field in ITEM if field.name == name), "What the contract does not name, as a JSON object.")
