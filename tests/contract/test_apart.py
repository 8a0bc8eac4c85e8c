"""Events that are told apart by their first name are those that a decoder tells apart."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.contract.apart import Apart, apart, names_of_elements
from ecompulse.contract.event import Event
from ecompulse.contract.names import name_ends, names_at_most_of_each
from ecompulse.contract.read import read_events
from ecompulse.contract.rows import EventRows

from .strategies import events

ID = "0198c1f2-7a3b-7c4d-8e5f-60718293a4b5"
FIRST = b'{"event_id":"%s","event_type":"custom","user_id":"u","properties":{"name":"x"}}' % ID.encode()


def told(body: bytes) -> Apart | None:
    return apart(body, name_ends(body), EventRows.of(msgspec.json.decode(body, type=list[Event])))


def slowly(body: bytes) -> list[bytes]:
    return [bytes(raw) for raw in msgspec.json.decode(body, type=list[msgspec.Raw])]


@given(
    sent=st.lists(events(), min_size=1, max_size=5),
    first=st.sampled_from(("event_id", "event_type", "user_id", "timestamp")),
    between=st.sampled_from((",", " ,\n ", ", ")),
    colon=st.sampled_from((":", ": ", " :")),
)
def test_they_have_the_same_bytes_and_names(sent: list[dict[str, Any]], first: str, between: str, colon: str) -> None:
    given_first = {"event_id": ID, "user_id": "u", "timestamp": "2026-01-01T00:00:00Z"}
    texts = [
        json.dumps({first: event.get(first) or given_first[first], **event}, ensure_ascii=False, separators=(", ", colon)) for event in sent
    ]
    body = f"[ {between.join(texts)}\n]".encode()
    found, raws = told(body), slowly(body)
    if found is not None:
        assert [found.raw(index) for index in range(len(sent))] == raws
        assert found.names.tolist() == names_at_most_of_each(raws).tolist()
    assert names_of_elements(body, name_ends(body), raws).tolist() == names_at_most_of_each(raws).tolist()
    dense = b"[%s]" % b",".join(raws)
    assert names_of_elements(dense, name_ends(dense), raws).tolist() == names_at_most_of_each(raws).tolist()


@pytest.mark.parametrize("between", [b",", b" ,\r\n\t"])
def test_the_usual_body_is_told_apart(between: bytes) -> None:
    line = b'{"product_id":"p","quantity":1,"price":1}'
    purchase = FIRST.replace(b'{"name":"x"}', b'{"order_id":"o","currency":"EUR","total":2,"items":[%s,%s]}' % (line, line))
    other = FIRST.replace(b'"x"', b'"x","friends":{"event_type":[{"a":1},{"b":2}]}')
    found = told(b"[" + between.join((FIRST, purchase, other)) + b" ]")
    assert found is not None
    assert [found.raw(index) for index in range(3)] == [FIRST, purchase, other]
    assert found.names.tolist() == [5, 14, 9]


@pytest.mark.parametrize(
    "other",
    {
        "another first name": b'{"user_id":"u","event_id":"%s","event_type":"custom"}',
        "no first name": b'{"event_type":"custom"}',
        "null as its value": b'{"event_id":null,"event_type":"custom"}',
        "twice": b'{"event_id":"a","event_type":"custom","event_id":"b"}',
        "again inside, behind another": b'{"event_type" :"custom","event_id" :"a","properties":{"name":{"event_id":"b"}}}',
        "again inside": b'{"event_id":"a","event_type":"custom","metadata":{"event_id":"b"}}',
        "written with an escape": b'{"event\\u005fid":"a","event_type":"custom","metadata":{"event_id":"b"}}',
        "white space before its colon": b'{"event_id" :"a","event_type":"custom","metadata":{"event_id":"b"}}',
        "white space before it": b'{ "event_id":"a","event_type":"custom"}',
        "its end inside a text": b'{"my_event_id":"a","event_type":"custom"}',
    }.items(),
    ids=lambda one: one[0],
)
def test_what_could_be_something_else_is_left_to_the_decoder(other: tuple[str, bytes]) -> None:
    with_it = other[1].replace(b"%s", ID.encode()).replace(b'"name":{', b'"a":{')
    for body in (b"[%s,%s]" % (FIRST, with_it), b"[%s,%s,%s]" % (FIRST, with_it, FIRST)):
        assert told(body) is None


@given(
    sent=st.lists(events(), min_size=1, max_size=3),
    wrong=st.sampled_from((b'"user_id":"v",', b'"tenant":1,"tenant":2,', b'"tenant":1,', b"")),
)
def test_long_bodies_are_read_as_short_ones(sent: list[dict[str, Any]], wrong: bytes) -> None:
    texts = [json.dumps({"event_id": ID, **event}, ensure_ascii=False, separators=(",", ":")).encode() for event in sent]
    body = b"[%s]" % b",".join([*texts, FIRST.replace(b'"user_id"', wrong + b'"user_id"'), *([FIRST] * 100)])
    long, lines = read_events(body), [read_events(b"[%s]" % raw) for raw in slowly(body)]
    assert [(one.index, one.field, one.reason, one.body) for one in long.rejected] == [
        (index, one.field, one.reason, one.body) for index, read in enumerate(lines) for one in read.rejected
    ]
    assert list(long.events) == [event for read in lines for event in read.events]
    assert [long.raw(index) for index in range(len(lines))] == slowly(body)
