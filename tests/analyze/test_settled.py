"""What is left of a statement once its values are known."""

from __future__ import annotations

import pytest

from ecompulse.analyze.settled import chosen, settled


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
