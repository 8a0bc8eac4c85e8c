"""The spans of time that hold what people or a session did."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.analyze.stocked import DAY, Stocked, event

from ecompulse.analyze.active import SPANS_MAX, active, joined
from ecompulse.analyze.listing import events


def at(minutes: float) -> datetime:
    return DAY + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("spans", "most", "found"),
    [
        ([], 3, []),
        ([(0, 1), (5, 6), (60, 61)], 3, [(0, 1), (5, 6), (60, 61)]),
        ([(0, 1), (5, 6), (60, 61)], 2, [(0, 6), (60, 61)]),
        ([(0, 1), (5, 6), (60, 61)], 1, [(0, 61)]),
        ([(0, 10), (2, 3), (10, 12), (13, 14)], 9, [(0, 12), (13, 14)]),
    ],
)
def test_spans_are_joined_over_the_shortest_pauses(spans: list[tuple[int, int]], most: int, found: list[tuple[int, int]]) -> None:
    moments = [(at(began), at(ended)) for began, ended in spans]
    assert joined(moments, most) == [(at(began), at(ended)) for began, ended in found]


def test_a_person_was_active_when_their_devices_were_and_a_session_while_it_lasted(stocked: Stocked) -> None:
    stocked.add([
        event("page_view", at(0), None, anonymous_id="phone", session_id="s-1"), event("click", at(9), "ann", session_id="s-2"),
        event("page_view", at(70), None, anonymous_id="laptop", session_id="s-1"), event("click", at(95), "bea", session_id="s-3"),
    ])  # fmt: skip
    stocked.flush()
    stocked.add([event("user_login", at(130), "ann", anonymous_id="phone", session_id="s-2")])
    with stocked.snapshot(5) as picture:
        assert active(picture, people=["ann"]) == {"began": [at(0), at(130)], "ended": [at(9), at(130)]}
        assert active(picture, people=["ann"], since=at(100)) == {"began": [at(130)], "ended": [at(130)]}
        assert active(picture, people=["laptop", "bea"]) == {"began": [at(70)], "ended": [at(95)]}
        assert active(picture, session="s-1") == {"began": [at(0), at(70)], "ended": [at(0), at(70)]}
        assert active(picture, people=["nobody"]) == active(picture, session="none") == {"began": [], "ended": []}


def test_whoever_came_on_more_days_than_a_statement_names_is_listed_in_full(stocked: Stocked) -> None:
    days = SPANS_MAX * 2
    stocked.add([event("click", DAY + timedelta(days=number, hours=number % 7), "ann") for number in range(days)])
    stocked.add([event("click", DAY + timedelta(days=number, hours=3), "bea") for number in range(days)])
    assert len(events(stocked, {"visitor": "ann"}, 100)["items"]) == len(events(stocked, {"session": "s-ann"}, 100)["items"]) == days
