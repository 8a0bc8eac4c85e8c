"""The Arrow schemas of the contract to hand out: as Arrow's own IPC bytes, and as JSON that a person can read."""

from __future__ import annotations

from typing import Any, Final, Literal

import pyarrow as pa

from ecompulse.contract.columns import LOGGED, STORED
from ecompulse.contract.fields import VERSION
from ecompulse.contract.notes import COLUMN_NOTES

SCHEMAS: Final[dict[str, pa.Schema]] = {"logged": LOGGED, "stored": STORED}
"""By name: a batch as the log keeps it, and a row of the table `events`."""


def arrow_ipc(name: Literal["logged", "stored"] = "stored") -> bytes:
    """The schema as an IPC message (Arrow columnar format, "Encapsulated message format"); `pyarrow.ipc.read_schema` reads it."""
    schema = pa.schema([field.with_metadata({"description": COLUMN_NOTES[field.name]}) for field in SCHEMAS[name]])
    message: bytes = schema.with_metadata({"ecompulse.contract": str(VERSION)}).serialize().to_pybytes()
    return message


def arrow_json(name: Literal["logged", "stored"] = "stored") -> dict[str, Any]:
    """The schema as JSON: name, type as Arrow writes it, whether it may be null, and a sentence, in order."""
    return {
        "version": VERSION,
        "fields": [
            {"name": field.name, "type": str(field.type), "nullable": field.nullable, "description": COLUMN_NOTES[field.name]}
            for field in SCHEMAS[name]
        ],
    }
