"""A dead letter as a line to be edited: what came in, digit by digit, and what is wrong with a line said in words."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.analyze.letter_line import Edited, Unusable, read, written

WHY = {"id": "0-7", "reason": "is required", "field": "user_id", "dialect": "canonical", "received_at": "2026-01-31T12:00:00Z"}


def line(body: bytes) -> bytes:
    """The line of a letter with these bytes, told as the API tells them."""
    text = body.decode("utf-8", "replace")
    told = {} if text.encode() == body else {"body_base64": base64.b64encode(body).decode()}
    return written({**WHY, "body": text, **told})


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_whatever_came_goes_into_one_line_and_comes_back(body: bytes) -> None:
    one = line(body)
    assert b"\n" not in one
    assert json.loads(one)["id"] == "0-7"
    assert read(one) == Edited("0-7", body) or read(one).body == json.dumps(json.loads(body), separators=(",", ":")).encode()


def test_an_event_stands_in_its_line_as_it_came_but_for_spaces() -> None:
    one = line(b'{\n  "total": 10.10,\n  "n": 12345678901234567890123,  "text": "a  b\\u00e9"\n}')
    assert one.endswith(b'"event":{"total":10.10,"n":12345678901234567890123,"text":"a  b\\u00e9"}}')
    assert read(one).body == b'{"total":10.10,"n":12345678901234567890123,"text":"a  b\\u00e9"}'


def test_a_body_that_is_no_object_is_text_and_one_that_is_no_text_is_bytes() -> None:
    assert json.loads(line(b"[1]"))["body"] == "[1]"
    assert "body_base64" in json.loads(line(b"\xff"))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (b"{", "is no JSON"),
        (b"[]", "is no letter"),
        (b'{"id": 7, "event": {}}', "is no letter"),
        (b'{"event": {}}', "'id' is missing"),
        (b'{"id": "0-1"}', "neither 'event' nor 'body'"),
        (b'{"id": "0-1", "event": "text"}', "no JSON object"),
        (b'{"id": "0-1", "event": {"a": }}', "is no JSON"),
        (b'\xff{"id": "0-1"}', "is no"),
    ],
)
def test_a_line_that_holds_no_letter_says_why(wrong: bytes, reason: str) -> None:
    with pytest.raises(Unusable, match=reason):
        read(wrong)
