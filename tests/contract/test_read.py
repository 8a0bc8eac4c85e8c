"""What bodies from the wild become: the cases that are easy to get wrong, by example."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.contract.check import check
from ecompulse.contract.event import TEXT_LIMIT
from ecompulse.contract.read import Read, may_be_one, read_events, read_lines, read_ones
from ecompulse.contract.unreadable import Unreadable

from .strategies import RECEIVED_US
from .test_verdicts import field_of, verdicts

RIGHT = b'{"event_type":"custom","user_id":"u","properties":{"name":"x"}}'


def holding(more: bytes) -> bytes:
    """An event with more in its properties."""
    return b'{"event_type":"custom","user_id":"u","properties":{"name":"x",%s}}' % more


def row(body: bytes) -> dict[str, Any]:
    """The row that a body with one right event becomes."""
    read = read_events(body)
    assert read.rejected == []
    checked = check(read.events, RECEIVED_US)
    assert checked.violations == []
    (kept,) = checked.batch.to_pylist()
    return dict(kept)


def wrong(read: Read) -> list[tuple[str | None, str]]:
    """Field and reason of each event that is not right."""
    return [(verdict[1], verdict[2]) for verdict in verdicts(read) if isinstance(verdict, tuple)]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"null", "byte 0"),
        (b'"x"', "byte 0"),
        (b"7", "byte 0"),
        (b'{"event_type": ', "after byte 15"),
        (b'[{"a":1},]', "byte 9"),
        (holding(b'"a":NaN'), "byte 66"),
        (holding(b'"price":Infinity'), "byte 70"),
        (holding(b'"a":"\\ud800"'), "byte 67: \\ud800 is half of a surrogate pair"),
        (holding(b'"a":"\\udc00"'), "byte 67: \\udc00 is half of a surrogate pair"),
        (holding(b'"a":"\xed\xa0\x80"'), "not UTF-8: byte 67"),
        (holding(b'"a":"\0"'), "byte 67"),
        (holding(b'"a":' + b"[" * 100_000 + b"]" * 100_000), "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
        (RIGHT.decode().encode("utf-16"), "UTF-16"),
        (RIGHT.decode().encode("utf-16-le"), "UTF-16"),
        (RIGHT + RIGHT, "trailing characters"),
        (b'{"events": null}', "$.events"),
    ],
)
def test_a_body_that_is_no_json_is_unreadable_and_says_where(body: bytes, told: str) -> None:
    with pytest.raises(Unreadable) as unreadable:
        read_events(body)
    assert told in str(unreadable.value)


@pytest.mark.parametrize(
    ("more", "field", "reason"),
    [
        (b'"price":1e999', "properties.price", "out of range"),
        (b'"duration_ms":1e999', "properties.duration_ms", "out of range"),
        (b'"a":1e999', "properties", "out of range"),
        (b'"price":true', "properties.price", "bool"),
        (b'"price":"1e999"', "properties.price", "decimal"),
        (b'"price":1' + b"0" * 40, "properties.price", "decimal"),
        (b'"quantity":2.5', "properties.quantity", "expected `int"),
        (b'"quantity":1e300', "properties.quantity", "out of range"),
        (b'"quantity":1' + b"0" * 40, "properties.quantity", "out of range"),
        (b'"a":"\\u0000"', "properties.a", "NUL"),
        (b'"a\\u0000":1', "properties", "NUL"),
        (b'"coupon":"\\u0000"', "properties.coupon", "NUL"),
        (b'"a":' + b"[" * 33 + b"]" * 33, "properties.a" + ".0" * 31, "32 levels"),
        (b'"a":"' + b"x" * 65_536 + b'"', "properties", "at most 65536"),
    ],
)
def test_a_value_that_cannot_be_kept_is_named(more: bytes, field: str, reason: str) -> None:
    for read in (read_events(holding(more)), read_lines(holding(more))):
        ((named, told),) = wrong(read)
        assert named == field
        assert reason in told


def test_ids_of_ten_megabytes_are_refused() -> None:
    long = b"x" * 10_000_000
    for name in (b"event_id", b"user_id", b"session_id"):
        ((field, _),) = wrong(read_events(b'{"event_type":"custom","anonymous_id":"a","%s":"%s","properties":{"name":"x"}}' % (name, long)))
        assert field == name.decode()


def test_the_longest_texts_are_taken_whatever_their_letters() -> None:
    kept = row(json.dumps({"event_type": "custom", "user_id": "é" * TEXT_LIMIT, "properties": {"name": "𝄞" * TEXT_LIMIT}}).encode())
    assert (kept["user_id"], kept["name"]) == ("é" * TEXT_LIMIT, "𝄞" * TEXT_LIMIT)


def test_integers_written_with_a_point_are_integers() -> None:
    assert row(holding(b'"quantity":2.0'))["quantity"] == 2
    assert row(holding(b'"quantity":2e0'))["quantity"] == 2


def test_integers_beyond_64_bits_are_kept_where_nobody_named_them() -> None:
    assert msgspec.json.decode(row(holding(b'"a":1' + b"0" * 40))["properties"]) == {"a": 10**40}


def test_a_written_backslash_is_no_nul() -> None:
    assert msgspec.json.decode(row(holding(b'"a":"\\\\u0000"'))["properties"]) == {"a": "\\u0000"}


def test_a_pair_of_surrogates_is_a_letter() -> None:
    assert row(holding(b'"coupon":"\\ud834\\udd1e"'))["coupon"] == "𝄞"


def test_no_event_is_no_mistake_of_reading() -> None:
    for body in (b"[]", b'{"events": []}', b' { "events" : [ ] } '):
        read = read_events(body)
        assert (read.count, check(read.events, RECEIVED_US).batch.num_rows) == (0, 0)


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read_events(b"\xef\xbb\xbf" + RIGHT).count == 1
    assert [field_of(verdict) for verdict in verdicts(read_lines(b"\xef\xbb\xbf" + RIGHT + b"\n" + RIGHT))] == [None, None]


@pytest.mark.parametrize("between", [b"\n", b"\r\n", b"\n\n", b"\r\n \t\r\n"])
def test_lines_may_end_as_on_windows_and_blank_ones_are_passed_over(between: bytes) -> None:
    body = between + RIGHT + between + b'{"event_type":"nope","user_id":"u"}' + between + RIGHT + between
    assert [field_of(verdict) for verdict in verdicts(read_lines(body))] == [None, "event_type", None]


def test_two_events_on_one_line_are_a_wrong_line() -> None:
    for between in (b"", b" ", b"\r"):
        read = read_lines(RIGHT + between + RIGHT + b"\n" + RIGHT)
        assert [(rejection.index, rejection.field) for rejection in read.rejected] == [(0, "")]
        assert read.positions == [1]


def test_a_line_that_is_no_json_spoils_no_other() -> None:
    read = read_lines(RIGHT + b'\n{"event_type":\n[1]\n' + RIGHT)
    assert [(rejection.index, rejection.field) for rejection in read.rejected] == [(1, ""), (2, "")]
    assert read.rejected[0].body == b'{"event_type":'


def test_what_is_no_json_behind_a_wrong_type_is_no_json() -> None:
    with pytest.raises(Unreadable):
        read_events(b"0\0")
    ((field, reason),) = wrong(read_lines(RIGHT + b'\n{"event_type": null, "a": Infinity}'))[-1:]
    assert (field, "not JSON" in reason) == ("", True)


def test_each_event_keeps_the_bytes_it_came_as() -> None:
    second = b'{ "event_type":"nope" , "user_id":"u"}'
    for body in (b"[" + RIGHT + b", " + second + b"]", b'{"events": [' + RIGHT + b"," + second + b"]}"):
        assert read_events(body).raw(1) == second
    assert read_lines(RIGHT + b"\n" + second).raw(1) == second


def test_sent_at_beside_the_events_counts_for_those_without() -> None:
    read = read_events(b'{"events": [' + RIGHT + b'], "sent_at": "2026-01-01T00:00:00Z"}')
    assert read.events[0].sent_at == "2026-01-01T00:00:00Z"
    with_rest = read_events(b'{"events": [' + holding(b'"a":1') + b'], "sent_at": "2026-01-01T00:00:00Z"}')
    assert with_rest.events[0].sent_at == "2026-01-01T00:00:00Z"


ONES = [
    RIGHT,
    b'{"event_type":"custom","anonymous_id":"a","properties":{"name":"y"},"metadata":{"platform":"ios"}}',
    holding(b'"colour":"red"'),
    holding(b'"price":null'),
    holding(b'"note":"not a name\\":"'),
    b'{"event_type" : "custom",\r\n "user_id" : "u",\n "properties" : {"name" : "z"}\n}',
]
"""Bodies of one event that can be read."""
PIECES = [
    RIGHT + RIGHT,
    RIGHT + b"\n" + RIGHT,
    b'{"event_type":"custom","user_id":"u}',
    b'{"event_type":"custom","user_id":"u","properties":{"items":[{"product_id":"p"}',
    b'{"product_id":"q"}]}}',
    b'{"properties":{}',
    b'{"x":1}}',
    b'{"user_id":7,"event_type":"custom"}',
    b'{"user_id":"u","user_id":"v","event_type":"custom","properties":{"name":"n"}}',
    b'{"event_type":"custom","event_type":"custom"}',
    b'{"user_id":"u","events":[' + RIGHT + b"]}",
    b'{"":"\\ud800"}',
    holding(b'"a":"\\u0000"'),
    holding(b'"a":' + b"[" * 500 + b"]" * 500),
    b'{"a"}',
]
"""Bodies that look like one event and are none, or not one, some of which make JSON together."""


@given(st.lists(st.sampled_from(ONES), min_size=1, max_size=5), st.lists(st.sampled_from([*ONES, *PIECES]), max_size=4), st.randoms())
def test_bodies_are_read_together_as_each_alone_or_not_at_all(right: list[bytes], more: list[bytes], order: Any) -> None:
    bodies = [*right, *more]
    order.shuffle(bodies)
    assert all(map(may_be_one, bodies))
    rows = read_ones(bodies)
    if rows is None:
        assert more
        return
    alone = [read_events(body) for body in bodies]
    assert [(len(read.events), read.rejected) for read in alone] == [(1, [])] * len(bodies)
    assert list(rows) == [event for read in alone for event in read.events]


@pytest.mark.parametrize(
    "bodies",
    [
        [RIGHT, RIGHT + RIGHT],
        [b'{"event_type":"custom","user_id":"u}', b'{"}', RIGHT + RIGHT],
        [b'{"event_type":"custom","properties":{"items":[{"product_id":"p"}', b'{"product_id":"q"}]}}', RIGHT + RIGHT],
        [RIGHT, b'{"event_type":"custom","user_id":"a\\u0000b"}'],
    ],
)
def test_bodies_that_share_their_events_are_not_read_together(bodies: list[bytes]) -> None:
    assert all(map(may_be_one, bodies))
    assert read_ones(bodies) is None


def test_what_is_more_than_one_event_is_read_by_itself() -> None:
    others = [b'{"events":[]}', b'{"sent_at":"x"}', b"[{}]", b"{}", b'{"a":1} ', b'{"a":"' + b"x" * 8_192 + b'"}']
    assert not any(map(may_be_one, others))
