"""Arrow columns as JSON and CSV hold them."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.analyze.rows import arrow_stream, csv_text, money_text, plain, rows


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("4.5000"), "4.50"),
        (Decimal("0.0000"), "0.00"),
        (Decimal("100.0000"), "100.00"),
        (Decimal("-0.0010"), "-0.001"),
        (Decimal("12345678901234.5678"), "12345678901234.5678"),
        (Decimal(7), 7),
        (2**53 + 1, "9007199254740993"),
        (float("nan"), None),
        (float("inf"), None),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
        (datetime(2026, 1, 1, 0, 0, 0, 5, tzinfo=UTC), "2026-01-01T00:00:00.000005Z"),
        (date(2026, 1, 1), "2026-01-01"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"\x00\xff", "00ff"),
        ([Decimal("1.5000"), None, {"a": float("nan")}], ["1.50", None, {"a": None}]),
        (True, True),
    ],
)
def test_nothing_is_lost_in_json(value: object, shown: object) -> None:
    assert plain(value) == shown


@given(st.decimals(min_value=-(10**14), max_value=10**14, places=4))
def test_money_keeps_its_value_and_has_two_decimals_at_least(amount: Decimal) -> None:
    text = money_text(amount)
    assert Decimal(text) == amount
    assert len(text.partition(".")[2]) >= 2
    assert "E" not in text


def test_a_table_is_the_same_in_every_form() -> None:
    table = pa.table(
        {"id": pa.array([UUID(int=1).bytes], pa.uuid()), "n": [1.5], "list": [[1, 2]], "text": ['a,"b"\n'], "none": pa.nulls(1)}
    )
    assert rows(table) == [["00000000-0000-0000-0000-000000000001", 1.5, [1, 2], 'a,"b"\n', None]]
    header, line = csv.reader(io.StringIO(csv_text(table).decode(), newline=""))
    assert header == table.column_names
    assert line == ["00000000-0000-0000-0000-000000000001", "1.5", "[1,2]", 'a,"b"\n', ""]
    read = pa.ipc.open_stream(arrow_stream(table)).read_all()
    assert read.to_pylist() == [{"id": "00000000-0000-0000-0000-000000000001", "n": 1.5, "list": [1, 2], "text": 'a,"b"\n', "none": None}]


def test_a_row_of_every_type_can_be_written_as_json() -> None:
    table = pa.table(
        {
            "d": pa.array([Decimal("1.5")], pa.decimal128(38, 4)),
            "t": pa.array([datetime(2026, 1, 1, tzinfo=UTC)], pa.timestamp("us", tz="UTC")),
        }
    )
    assert json.loads(msgspec.json.encode(rows(table))) == [["1.50", "2026-01-01T00:00:00Z"]]
