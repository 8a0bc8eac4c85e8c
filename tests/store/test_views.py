"""Statements for which `events` has only the columns that they name."""

from __future__ import annotations

import pytest

from ecompulse.contract.columns import STORED
from ecompulse.store.duckdb.views import narrowed


@pytest.mark.parametrize(
    "sql", ["select page_path from events", "-- where from\nWITH seen as (select * from sessions) select page_path from events"]
)
def test_only_the_columns_that_are_named_are_bound(sql: str) -> None:
    narrow, columns = narrowed(sql)
    assert columns == ("page_path",)
    assert "events as not materialized" in narrow
    assert narrow.lower().count("with ") == 1


@pytest.mark.parametrize(
    "sql", ["select count(*) from sessions", "with recursive r as (select 1 union all select 1 from r) select user_id from events"]
)
def test_what_has_no_events_or_calls_itself_stays_as_it_is(sql: str) -> None:
    assert narrowed(sql) == (sql, ()), "beside a part that calls itself, the events would be made once and kept, however many"


def test_events_that_are_only_counted_need_one_column_and_a_narrow_one() -> None:
    _, columns = narrowed("select count(*) from events")
    (column,) = columns
    assert STORED.field(column).type.bit_width <= 16
