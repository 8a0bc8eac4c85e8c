"""A dead letter is read in the dialect in which it came."""

from __future__ import annotations

import json

import pytest

from ecompulse.collect.dialects.again import read_again

LETTERS = {
    "canonical": ({"event_type": "search", "user_id": "u", "properties": {"query": "hat"}}, "search"),
    "topics": ({"event_type": "search", "user_id": "u", "properties": {"query": "hat"}}, "search"),
    "rest": ({"userId": "u", "query": "hat"}, "search"),
    "segment": ({"type": "track", "event": "Products Searched", "userId": "u", "properties": {"query": "hat"}}, "search"),
    "ga4": ({"name": "search", "params": {"search_term": "hat"}}, "search"),
    "snowplow": ({"e": "pv", "url": "https://s.example/", "duid": "d"}, "page_view"),
    "cloudevents": ({"type": "shop.search", "subject": "u", "data": {"query": "hat"}}, "search"),
}


@pytest.mark.parametrize("dialect", LETTERS)
def test_each_dialect_is_read_again(dialect):
    body, event_type = LETTERS[dialect]
    assert [event.event_type for event in read_again(dialect, json.dumps(body).encode(), "default").events] == [event_type]


@pytest.mark.parametrize("dialect", LETTERS)
def test_one_corrected_into_the_canonical_envelope_is_read_as_that(dialect):
    body = json.dumps({"event_type": "custom", "user_id": "u", "properties": {"name": "n"}}).encode()
    assert [event.event_type for event in read_again(dialect, body, "default").events] == ["custom"]
