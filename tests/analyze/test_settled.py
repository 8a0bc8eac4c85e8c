"""What is left of a statement once its values are known."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from ecompulse.analyze.settled import chosen, only_read, settled


def test_lines_are_there_when_their_condition_holds() -> None:
    sql = "a\n-- if $x\nb\n-- if $y\nc\n-- else\nd\n-- end\n-- else\ne\n-- end\nf"
    assert chosen(sql, {"x": True, "y": None}).split() == ["a", "b", "d", "f"]
    assert chosen(sql, {"x": 0, "y": 1}).split() == ["a", "e", "f"]


def test_lines_are_repeated_for_each_member() -> None:
    assert chosen("-- each $steps\n{p}-{n}\n-- end", {"steps": ["a", "b"]}).split() == ["0-1", "1-2"]


@pytest.mark.parametrize("sql", ["-- if $x\na", "a\n-- end", "-- else\n-- end"])
def test_a_condition_that_does_not_end_is_a_mistake(sql: str) -> None:
    with pytest.raises(ValueError, match="the statement"):
        chosen(sql, {"x": True})


def test_what_a_person_wrote_stays_a_parameter_and_what_nobody_asked_is_gone() -> None:
    sql = "select 1 where a = $a and ($b is null or b = $b) and n < $n"
    assert settled(sql, {"a": "'; drop table events", "b": None, "n": 3}) == "select 1 where a = $a and n < 3"


PARTS = """with
-- what a session's origin (is
a as (select 1 as x),
b as materialized (select x, ')' as quoted from A),  -- unread, with a
c as (select 2 as y),
d as not materialized (
    -- d's own: c, b (
    select y from "c"
)
select * from d where 'a' = 'a'"""


def test_parts_that_nothing_reads_are_left_out_with_what_only_they_read() -> None:
    left = only_read(PARTS)
    kept = """with c as (select 2 as y), d as not materialized ( -- d's own: c, b ( select y from "c" ) select * from d where 'a' = 'a'"""
    assert " ".join(left.split()) == kept
    assert duckdb.sql(left).fetchall() == duckdb.sql(PARTS).fetchall() == [(2,)]


@pytest.mark.parametrize(
    ("sql", "left"),
    [
        ("select 1 from a", "select 1 from a"),
        ("-- of it\nwith a as (select 1) select 2", "select 2"),
        ("with a as (select 1), b as (select * from a) select * from b", "with a as (select 1),\nb as (select * from a) select * from b"),
        ("with recursive r as (select 1 as n union all select n + 1 from r where n < 3), s as (select 2) select max(n) from r",
         "with recursive r as (select 1 as n union all select n + 1 from r where n < 3) select max(n) from r"),
    ],
)  # fmt: skip
def test_a_statement_keeps_the_parts_that_it_reads(sql: str, left: str) -> None:
    assert only_read(sql) == left


@pytest.mark.parametrize("sql", ["with a(x) as (select 1) select x from a", "with a as (select 1"])
def test_a_part_that_cannot_be_read_is_a_mistake(sql: str) -> None:
    with pytest.raises(ValueError, match="of the statement"):
        only_read(sql)


def test_a_part_is_left_out_where_only_an_idle_condition_read_it() -> None:
    sql = "with a as (select 1 as x) select 2 as y where true and ($b is null or $b in (select x from a))"
    values: dict[str, Any] = {"b": None}
    assert settled(sql, values) == "select 2 as y where true"
    assert settled(sql, {"b": 1}).startswith("with a as")
