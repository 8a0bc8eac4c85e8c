"""What is made from the contract agrees with it, and with what is kept in files."""

from __future__ import annotations

import copy
import io
import uuid
from pathlib import Path
from typing import Any

import fastavro
import jsonschema
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.contract.arrow import arrow_ipc, arrow_json
from ecompulse.contract.avro import avro_schema
from ecompulse.contract.check import check
from ecompulse.contract.columns import LOGGED, STORED
from ecompulse.contract.event import EVENT_TYPES, METADATA_FIELDS, PROPERTY_FIELDS
from ecompulse.contract.fields import ENVELOPE, METADATA, PROPERTIES, Field, example
from ecompulse.contract.jsonschema import json_schema
from ecompulse.contract.markdown import schema_page
from ecompulse.contract.notes import COLUMN_NOTES
from ecompulse.contract.read import read_events
from ecompulse.contract.rules import RANGES
from ecompulse.contract.typescript import typescript

from .strategies import RECEIVED_US, Event, body_of, events, spoils
from .test_verdicts import field_of, verdicts

ROOT = Path(__file__).resolve().parents[2]
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def contract_takes(event: Event) -> bool:
    return field_of(verdicts(read_events(body_of(event)))[0]) is None


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_the_example_of_each_event_type_keeps_the_contract(event_type: str) -> None:
    assert contract_takes(example(event_type))
    VALIDATOR.validate(example(event_type))


def test_the_json_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert {choice["$ref"] for choice in json_schema()["oneOf"]} == {f"#/$defs/{name}" for name in EVENT_TYPES}


@pytest.mark.parametrize("event_type", EVENT_TYPES)
@given(data=st.data())
def test_the_json_schema_takes_what_the_contract_takes(event_type: str, data: st.DataObject) -> None:
    event = data.draw(events(event_type))
    VALIDATOR.validate(event)
    jsonschema.Draft202012Validator(json_schema(event_type)).validate(event)


UNSAID_FIELDS = ("timestamp", "sent_at", "properties.total")
UNSAID_VALUES = (r"'a\x00b'", "'-0.01'", "'100000000000000'")
"""What a schema cannot say, or only in patterns that nobody could read: a real time within its range, a total that adds up, NUL, the sign
and size of money in a text."""


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_the_json_schema_refuses_what_the_contract_refuses(event_type: str) -> None:
    taken = []
    for field, spoil in spoils(event_type):
        event = copy.deepcopy(example(event_type))
        spoil(event)
        unsaid = field in UNSAID_FIELDS or any(value in repr(event) for value in UNSAID_VALUES)
        if VALIDATOR.is_valid(event) and not unsaid:
            taken.append((field, repr(event)[:300]))
    assert taken == []


def _decided_by_bounds() -> list[tuple[Field, float, bool]]:
    cases = []
    for name, (low, high) in RANGES.items():
        step = 1 if PROPERTIES[name].kind == "integer" else 0.5
        cases += [(PROPERTIES[name], low, True), (PROPERTIES[name], low - step, False)]
        cases += [(PROPERTIES[name], high, True), (PROPERTIES[name], high + step, False)]
    return cases


@pytest.mark.parametrize(("field", "value", "taken"), _decided_by_bounds())
def test_the_bounds_that_are_told_are_those_that_are_checked(field: Field, value: float, taken: bool) -> None:
    event = {"event_type": "custom", "user_id": "u", "properties": {"name": "x", field.name: value}}
    assert contract_takes(event) is taken
    assert VALIDATOR.is_valid(event) is taken


def test_every_field_is_described_and_shown() -> None:
    for field in (*PROPERTIES.values(), *METADATA):
        assert field.description, field.name
        assert field.example is not None or field.kind == "items", field.name
    assert all(field.description for field in ENVELOPE)
    assert set(STORED.names) == set(COLUMN_NOTES)
    assert all(COLUMN_NOTES[name] for name in STORED.names)


@given(sent=st.lists(events(), min_size=1, max_size=4))
def test_avro_keeps_every_column(sent: list[Event]) -> None:
    batch = check(read_events(body_of(*sent)).events, RECEIVED_US).batch
    rows: list[dict[str, Any]] = [{**row, "event_id": uuid.UUID(bytes=row["event_id"])} for row in batch.to_pylist()]
    file = io.BytesIO()
    fastavro.writer(file, fastavro.parse_schema(avro_schema()), rows)
    file.seek(0)
    assert list(fastavro.reader(file)) == rows


def test_avro_names_what_may_be_absent() -> None:
    fields = {field["name"]: field for field in avro_schema()["fields"]}
    assert list(fields) == LOGGED.names
    assert fields["total"]["type"] == ["null", {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 4}]
    assert fields["total"]["default"] is None
    assert fields["timestamp"]["type"] == {"type": "long", "logicalType": "timestamp-micros"}


def test_arrow_reads_the_schema_back() -> None:
    read = pa.ipc.read_schema(pa.py_buffer(arrow_ipc("stored")))
    assert read.equals(STORED)
    assert [field["name"] for field in arrow_json("logged")["fields"]] == LOGGED.names


def test_the_typescript_module_names_every_event_type_and_property() -> None:
    text = typescript()
    for event_type in EVENT_TYPES:
        assert f'readonly event_type: "{event_type}"' in text
    own = {name for kind in EVENT_TYPES.values() for group in (*kind.required, kind.optional) for name in group}
    for name in {*own, *METADATA_FIELDS} & {*PROPERTY_FIELDS, *METADATA_FIELDS}:
        assert f"readonly {name}" in text


def test_the_page_in_the_docs_is_the_one_that_is_made_now() -> None:
    kept = (ROOT / "docs/reference/schema.md").read_text(encoding="utf-8")
    assert kept == schema_page(), "run: python -m ecompulse.contract.markdown > docs/reference/schema.md"
