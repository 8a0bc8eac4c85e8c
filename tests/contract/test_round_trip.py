"""Nothing is lost on the way JSON → structs → Arrow → DuckDB → JSON."""

from __future__ import annotations

from typing import Any

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.contract.check import Checked, check
from ecompulse.contract.columns import ENRICHED, FILLED_ID, FILLED_TIME, LOGGED, STORED
from ecompulse.contract.ddl import duckdb_events
from ecompulse.contract.event import EVENT_TYPES
from ecompulse.contract.read import read_events, read_lines
from ecompulse.contract.write import to_events, to_ndjson

from .strategies import RECEIVED_US, Event, body_of, comparable, events


def taken(body: bytes) -> Checked:
    """A body read and checked, of which every event must be right."""
    read = read_events(body)
    assert read.rejected == []
    checked = check(read.events, RECEIVED_US)
    assert checked.violations == []
    return checked


def sent_only(event: Event, filled: int) -> Event:
    """An event without what the collector filled."""
    gone = {name for bit, name in ((FILLED_ID, "event_id"), (FILLED_TIME, "timestamp")) if filled & bit}
    return {name: value for name, value in event.items() if name not in gone}


def stored(batch: pa.RecordBatch) -> pa.Table:
    """The batch with plain values in the columns that `process` adds."""
    plain: dict[pa.DataType, Any] = {pa.string(): "x", pa.bool_(): False}
    columns = {field.name: pa.array([plain.get(field.type)] * len(batch), field.type) for field in ENRICHED}
    for name in ("fingerprint", "log_partition", "log_offset"):
        columns[name] = pa.array(np.arange(len(batch))).cast(ENRICHED.field(name).type)
    columns["device_timestamp"] = batch.column("timestamp")
    return pa.table({**dict(zip(LOGGED.names, batch.columns, strict=True)), **columns}, schema=STORED)


@pytest.fixture(scope="module")
def table() -> Any:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'Asia/Kathmandu'")  # what is kept must not depend on it
        connection.execute(duckdb_events())
        yield connection


@pytest.mark.parametrize("event_type", EVENT_TYPES)
@given(data=st.data())
def test_every_event_comes_back_as_it_was_sent(event_type: str, data: st.DataObject) -> None:
    event = data.draw(events(event_type))
    batch = taken(body_of(event)).batch
    (back,) = to_events(batch)
    assert comparable(sent_only(back, batch.column("filled")[0].as_py())) == comparable(event)


@given(sent=st.lists(events(), min_size=1, max_size=5))
def test_events_come_back_from_duckdb_as_they_were_sent(table: duckdb.DuckDBPyConnection, sent: list[Event]) -> None:
    batch = taken(body_of(*sent)).batch
    rows = stored(batch)
    table.execute("delete from events")
    table.execute("insert into events by name select * replace (event_id::uuid as event_id) from rows")
    back = to_events(table.sql("select * from events order by log_offset").to_arrow_table())
    filled = batch.column("filled").to_pylist()
    assert rows.num_rows == len(sent)
    assert [comparable(sent_only(event, bits)) for event, bits in zip(back, filled, strict=True)] == [comparable(event) for event in sent]


@given(sent=st.lists(events(), min_size=1, max_size=4))
def test_what_is_written_can_be_sent_again_and_gives_the_same_columns(sent: list[Event]) -> None:
    batch = taken(body_of(*sent)).batch
    again = check(read_lines(to_ndjson(batch)).events, RECEIVED_US)
    assert again.violations == []
    unfilled = [name for name in LOGGED.names if name not in ("filled", "properties", "metadata", "extra", "items")]
    assert again.batch.select(unfilled).equals(batch.select(unfilled))
    assert to_events(again.batch) == to_events(batch)


def test_ids_may_be_bytes_text_or_uuids(table: duckdb.DuckDBPyConnection) -> None:
    event_id = "0198c1f2-7a3b-7c4d-8e5f-60718293a4b5"
    batch = taken(msgspec.json.encode({"event_type": "custom", "user_id": "u", "event_id": event_id, "properties": {"name": "x"}})).batch
    as_text = pa.table({"event_id": pa.array([event_id]), "event_type": pa.array(["custom"])})
    as_uuid = table.sql(f"select uuid '{event_id}' as event_id").to_arrow_table()
    assert [to_events(rows)[0]["event_id"] for rows in (batch, as_text, as_uuid)] == [event_id] * 3


def test_money_and_times_are_written_plainly() -> None:
    sent = {
        "event_type": "purchase",
        "user_id": "u",
        "timestamp": "2026-01-31T13:00:00.5+01:00",
        "properties": {
            "order_id": "o",
            "currency": "EUR",
            "total": 20,
            "items": [{"product_id": "p", "quantity": 2, "price": "10.0000", "size": "L"}],
        },
    }
    (back,) = to_events(taken(msgspec.json.encode(sent)).batch)
    assert back["timestamp"] == "2026-01-31T12:00:00.500000Z"
    assert back["properties"]["total"] == "20"
    assert back["properties"]["items"] == [{"product_id": "p", "quantity": 2, "price": "10", "size": "L"}]
