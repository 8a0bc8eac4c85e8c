"""Users' own SQL: what is refused, what is answered, and what stops it."""

from __future__ import annotations

import time

import pytest
from tests.analyze.stocked import DAY, Stocked, event

from ecompulse.analyze import sandbox
from ecompulse.analyze.rows import rows
from ecompulse.analyze.sandbox import admitted, query
from ecompulse.analyze.wrong import Refused
from ecompulse.store import QueryError, QueryTimeout

WRITING = (
    "delete from events",
    "drop table events",
    "update events set user_id = 'x'",
    "create table t as select 1",
    "copy (select 1) to '/tmp/stolen.csv'",
    "with x as (select 1) insert into events select * from events",
    "attach 'x.db'",
    "install httpfs",
    "load httpfs",
    "set memory_limit = '100GB'",
    "reset all",
    "checkpoint",
    "pragma database_list",
    "explain analyze delete from events",
    "export database '/tmp/x'",
    "begin",
    "prepare p as select 1",
    "call pragma_version()",
)
TWO = ("select 1; delete from events", "select 1; select 2", "", "-- nothing", ";")
REACHING = (
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/hostname')",
    "select * from '/etc/passwd'",
    'from "/etc/passwd"',
    "summarize '/etc/passwd'",
    "select * from glob('/*')",
    "select * from sniff_csv('/etc/passwd')",
    "select * from parquet_scan('x')",
    "select * from query('select 1')",
    "select * from query_table('events')",
    "select * from json_execute_serialized_sql('{}')",
)
TELLING = (
    "select getenv('HOME')",
    "select current_setting('temp_directory')",
    "select * from duckdb_settings()",
    "select * from duckdb_secrets()",
    "from duckdb_databases()",
    "from pragma_version()",
    "select * from information_schema.tables",
    "select * from pg_catalog.pg_tables",
    "select * from sqlite_master",
    "select * from main.events",
    "select * from events.main.events",
    "show databases",
    "show all tables",
)
HIDDEN = (
    "select * from (select * from (select getenv('x')))",
    "select 1 where exists (select 1 from read_text('/etc/passwd'))",
    "with a as (select * from duckdb_secrets()) select 1",
    "select [getenv(x) for x in ['a']]",
    "select list_transform([1], x -> getenv('a'))",
    "select count(*) filter (getenv('a') = 'b') from events",
    "select sum(1) over (order by getenv('a')) from events",
    "select 1 order by getenv('a')",
    "select 1 limit (select count(*) from duckdb_settings())",
    "select * from events, lateral (select getenv(user_id))",
    "select case when true then getenv('a') end",
    "select * exclude (a) from (select getenv('a') as a)",
    "values (getenv('a'))",
    "select * from duckdb_tables, (with duckdb_tables as (select 1) select * from duckdb_tables)",
)
LASTING = ("select sleep_ms(10)", "select nextval('x')", "select setseed(0.5)", "select write_log('x')")


@pytest.mark.parametrize("sql", [*WRITING, *TWO, *REACHING, *TELLING, *HIDDEN, *LASTING])
def test_what_is_no_plain_question_is_refused_before_it_runs(sql: str) -> None:
    with pytest.raises(Refused):
        admitted(sql, {})


@pytest.mark.parametrize("sql", ["selec 1", "select from where", "select 'open"])
def test_a_mistake_is_told_with_its_place(sql: str) -> None:
    with pytest.raises(Refused, match=r"LINE 1|syntax|quote"):
        admitted(sql, {})


@pytest.mark.parametrize(
    ("sql", "first"),
    [
        ("select 40 + 2", [42]),
        ("select 1 -- with a comment", [1]),
        ("select 1;", [1]),
        ("from events select count(*)", [2]),
        ("with recursive n as (select 1 as i union all select i + 1 from n where i < 5) select max(i) from n", [5]),
        ("select sum(range) from range(4)", [6]),
        ("select x from (values (7)) t(x)", [7]),
        ("select count(*) from unnest([1, 2, 3])", [3]),
        ("select column_name from (describe events)", ["event_id"]),
        ("select event_type from events order by event_type limit 1", ["page_view"]),
        ("select extract('year' from max(timestamp)), pg_typeof(1) from events", [2026, "integer"]),
        ("select properties->>'$.tier' from events where properties is not null", ["gold"]),
    ],
)
def test_questions_are_answered(stocked: Stocked, sql: str, first: list[object]) -> None:
    stocked.add([event("page_view", DAY, properties='{"tier": "gold"}'), event("search", DAY)])
    assert rows(query(stocked, sql, {})[0].table)[0] == first


@pytest.mark.parametrize(
    "sql",
    [
        "from events order by event_id",
        "select * from events order by event_id",
        "select events.* from events order by event_id",
        "select columns('.*_id') from events order by event_id",
        "select #2, #5 from events order by event_id",
        "select events from events order by event_id",
        "select e from events e order by e.event_id",
        "select to_json(e) from events e order by event_id",
        "select b, d from events t(a, b, c, d) order by a",
        "select count(*) from events natural join (select user_id, event_type from events)",
        "select count(*) from (select user_id, 'x' as platform from events) natural left join events",
        "select value from (unpivot (from events select user_id, site) on user_id, site) order by value",
        "with e as (from events) select e.user_id, count(*) from e group by 1 order by 1",
        "select user_id from events union by name select site from events order by all",
        "select e.user_id, s.events from events e join sessions s on s.visitor = e.user_id order by all",
        'select (select max(i.user_id) from events i where i.site = o.site) as top, "TimeStamp" from events o order by event_id',
        "select count(*), count(distinct site) from events",
        "with recursive events as (select 1 as n union all select n + 1 from events where n < 3) select n from events order by n",
    ],
)
def test_an_answer_is_the_same_whether_unused_columns_are_left_out_or_not(stocked: Stocked, sql: str) -> None:
    stocked.add([event("page_view", DAY, user="ann", platform="web"), event("search", DAY, user="bob", query="mug")])
    stocked.flush()
    stocked.add([event("search", DAY, user="ann", country="DE")])
    with stocked.snapshot(10.0) as picture:
        whole = picture.query(sql)
    told = query(stocked, sql, {})[0].table
    assert (told.column_names, rows(told)) == (whole.column_names, rows(whole))


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("select count(*) from events where user_id = 'ann'", True),
        ("select user_id as u, count(*) as n from events group by u order by n", True),
        ("from events", False),
        ("select e from events e", False),
        ("select user_id from events natural join sessions", False),
    ],
)
def test_a_statement_names_its_columns_unless_there_is_a_way_around_names(sql: str, named: bool) -> None:
    assert admitted(sql, {})[1] is named


def test_a_wrong_name_is_told_with_the_right_ones(stocked: Stocked) -> None:
    with pytest.raises(QueryError, match="element_text"):
        query(stocked, "select elements_text from events", {})


@pytest.mark.parametrize("sql", ["describe events", "summarize events", "show tables"])
def test_the_tables_can_be_looked_at(stocked: Stocked, sql: str) -> None:
    assert query(stocked, sql, {})[0].table.num_rows > 3


def test_an_events_id_is_text(stocked: Stocked) -> None:
    stocked.add([event("page_view", DAY, event_id=bytes(range(16)))])
    answered = query(stocked, "select * from events", {})[0].table
    assert rows(answered)[0][answered.column_names.index("event_id")] == "00010203-0405-0607-0809-0a0b0c0d0e0f"


def test_values_are_parameters(stocked: Stocked) -> None:
    assert rows(query(stocked, "select $a || $b", {"a": "x'", "b": 1})[0].table) == [["x'1"]]


@pytest.mark.parametrize(("sql", "values", "named"), [("select $a", {}, "a"), ("select 1", {"b": 1}, "b")])
def test_a_parameter_too_few_or_too_many_is_named(sql: str, values: dict[str, object], named: str) -> None:
    with pytest.raises(Refused, match=named):
        admitted(sql, values)


def test_rows_beyond_the_limit_are_left_out_and_said_so(stocked: Stocked) -> None:
    answered, truncated = query(stocked, "select * from range(11)", {}, rows_max=10)
    assert (answered.table.num_rows, truncated) == (10, True)
    assert query(stocked, "select * from range(10)", {}, rows_max=10)[1] is False


def test_an_endless_query_is_ended(stocked: Stocked) -> None:
    began = time.monotonic()
    with pytest.raises(QueryTimeout):
        query(
            stocked, "select count(*) from range(10000000) a, range(10000000) b where (a.range * b.range) % 7 = 3", {}, timeout_seconds=0.2
        )
    assert time.monotonic() - began < 5
    assert rows(query(stocked, "select 1", {})[0].table) == [[1]], "and the next one is answered"


def test_an_unknown_column_is_the_askers_mistake(stocked: Stocked) -> None:
    with pytest.raises(QueryError, match="usr_id"):
        query(stocked, "select usr_id from events", {})


def test_a_statement_as_deep_as_it_is_long_is_refused_and_not_a_crash() -> None:
    with pytest.raises(Refused):
        admitted("select " + "(" * 3_000 + "1" + ")" * 3_000, {})
    with pytest.raises(Refused):
        admitted("select " + "abs(" * 900 + "1" + ")" * 900, {})
    with pytest.raises(Refused):
        admitted("select 1 " + "+ 1" * 20_000, {})


def test_a_statement_that_was_judged_before_is_still_held_to_its_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    sql = "select count(*) from events where site = $site and user_id is not null"
    first = admitted(sql, {"site": "a"})
    monkeypatch.setattr(sandbox, "_parsed", lambda _: pytest.fail("it was parsed again"))
    assert sandbox.admitted(sql, {"site": "b"}) == first
    with pytest.raises(Refused, match="does not hold"):
        admitted(sql, {})
    with pytest.raises(Refused, match="does not use"):
        admitted(sql, {"site": "a", "more": 1})
