"""Statements for which `events` has only the columns that they name."""

from __future__ import annotations

import pytest

from ecompulse.contract.columns import STORED
from ecompulse.store.duckdb.views import narrowed


@pytest.mark.parametrize(
    "sql",
    [
        "select page_path from events",
        "-- where from\nWITH seen as (select * from sessions) select e.page_path FROM\n  EVENTS e",
        "with recursive r as (select 1 union all select 1 from r) select page_path from r join events on true",
    ],
)
def test_only_the_columns_that_are_named_are_bound(sql: str) -> None:
    narrow, columns = narrowed(sql)
    assert columns == ("page_path",)
    assert narrow.count('(select "page_path" from events.main.events union all select "page_path" from tail_named)') == 1


def test_events_are_read_at_each_place_not_once_for_all() -> None:
    narrow, _ = narrowed("with a as (select user_id from events), b as (select site from events e) select * from a, b")
    assert narrow.count("from tail_named") == 2, "as one part of the `with`, the events of days would be made once and kept on disk"


def test_what_reads_no_events_stays_as_it_is() -> None:
    sql = "select sum(events) as events from sessions"
    assert narrowed(sql) == (sql, ())


def test_events_that_are_only_counted_need_one_column_and_a_narrow_one() -> None:
    _, columns = narrowed("select count(*) from events")
    (column,) = columns
    assert STORED.field(column).type.bit_width <= 16
