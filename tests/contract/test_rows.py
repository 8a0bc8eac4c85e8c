"""Rows are the events that they were made of, together and apart."""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.contract.check import check
from ecompulse.contract.event import Event, Metadata, Properties
from ecompulse.contract.read import read_events
from ecompulse.contract.rows import EventRows

from .strategies import RECEIVED_US, body_of, events


@given(bodies=st.lists(st.lists(events(), min_size=1, max_size=3), min_size=1, max_size=4))
def test_requests_joined_give_the_columns_that_one_request_gives(bodies: list[list[dict[str, Any]]]) -> None:
    together = [
        event | {"event_id": f"0198c1f2-7a3b-7c4d-8e5f-6071829{place:05x}"} for place, event in enumerate(chain.from_iterable(bodies))
    ]
    cut = iter(together)
    parts = [read_events(body_of(*(next(cut) for _ in body))).events for body in bodies]
    whole = read_events(json.dumps(together).encode()).events
    assert check(EventRows.joined(parts), RECEIVED_US).batch.equals(check(whole, RECEIVED_US).batch)
    assert list(EventRows.joined(parts)) == [event for part in parts for event in part]


@given(sent=st.lists(events(), min_size=1, max_size=4))
def test_events_made_anew_give_the_same_columns(sent: list[dict[str, Any]]) -> None:
    rows = read_events(body_of(*(event | {"event_id": "0198c1f2-7a3b-7c4d-8e5f-60718293a4b5"} for event in sent))).events
    for again in (list(rows), rows[:], [rows[place - len(rows)] for place in range(len(rows))]):
        assert check(again, RECEIVED_US).batch.equals(check(rows, RECEIVED_US).batch)


@given(sent=events())
def test_one_event_makes_the_row_that_it_makes_among_others(sent: dict[str, Any]) -> None:
    event = msgspec.json.decode(json.dumps(sent), type=Event)
    alone, among = EventRows.of_one(event), EventRows.of([Event("custom"), event])
    assert (alone.envelopes, alone.abouts, alone.hows, alone.names()) == (
        among.envelopes[1:],
        among.abouts[1:],
        among.hows[1:],
        among.names()[1:],
    )
    assert list(alone) == [event]


def test_an_event_without_properties_stays_one() -> None:
    made = [Event("custom"), Event("custom", properties=Properties(), metadata=Metadata()), Event("custom", user_id="u")]
    rows = EventRows.of(made)
    assert list(rows) == made
    assert rows.names() == [1, 3, 2]
    assert [list(EventRows.of_one(event)) for event in made] == [[event] for event in made]
    assert [EventRows.of_one(event).names() for event in made] == [[1], [3], [2]]
