"""Each wrong event is rejected, at the right field, whatever travels beside it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.contract.check import check
from ecompulse.contract.event import EVENT_TYPES
from ecompulse.contract.read import Read, from_dicts, read_events, read_lines
from ecompulse.contract.unreadable import Unreadable

from .strategies import RECEIVED_US, Event, body_of, events, spoils

Verdict = tuple[str | None, str, str] | str
"""What is wrong (event id, field, reason), or the row as it is kept."""

SPOILS = [(event_type, number) for event_type in EVENT_TYPES for number in range(len(spoils(event_type)))]


def verdicts(read: Read) -> list[Verdict]:
    """The verdict of each event of a request, in order."""
    checked = check(read.events, RECEIVED_US)
    found: dict[int, Verdict] = {wrong.index: (wrong.event_id, wrong.field, wrong.reason) for wrong in read.rejected}
    for violation in checked.violations:
        found[read.positions[violation.row]] = (read.events[violation.row].event_id, violation.field, violation.reason)
    kept = checked.batch.to_pylist()
    for row, index in enumerate(checked.rows.tolist()):
        if kept[row]["filled"] & 1:
            kept[row]["event_id"] = b"filled"  # it is random
        found[read.positions[index]] = repr(kept[row])
    assert sorted(found) == list(range(read.count))
    return [found[index] for index in sorted(found)]


def field_of(verdict: Verdict) -> str | None:
    """The field a verdict names; None where the event is right."""
    return verdict[1] if isinstance(verdict, tuple) else None


@pytest.mark.parametrize("event_type", EVENT_TYPES)
@given(data=st.data())
def test_a_spoilt_field_is_the_one_that_is_named(event_type: str, data: st.DataObject) -> None:
    event = data.draw(events(event_type))
    assert field_of(verdicts(read_events(body_of(event)))[0]) is None
    field, spoil = data.draw(st.sampled_from(spoils(event_type)))
    spoil(event)
    assert field_of(verdicts(read_events(body_of(event)))[0]) == field


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_way_to_spoil_an_example_is_found(event_type: str) -> None:
    missed = []
    for field, spoil in spoils(event_type):
        event = {"event_type": event_type, "user_id": "u", "properties": copy.deepcopy(EVENT_TYPES[event_type].example)}
        spoil(event)
        found = field_of(verdicts(read_events(body_of(event)))[0])
        if found != field:
            missed.append((field, json.dumps(event)[:200], found))
    assert missed == []


@st.composite
def groups(draw: st.DrawFn) -> list[Event]:
    """Right and spoilt events together."""
    made = draw(st.lists(events(), min_size=2, max_size=5))
    for event in made:
        if draw(st.booleans()):
            draw(st.sampled_from(spoils(event["event_type"])))[1](event)
    return made


@given(sent=groups())
def test_a_batch_gets_the_verdicts_that_its_events_get_alone(sent: list[Event]) -> None:
    alone = [verdicts(read_events(body_of(event)))[0] for event in sent]
    assert verdicts(read_events(json.dumps(sent).encode())) == alone
    assert verdicts(read_events(json.dumps({"events": sent}).encode())) == alone
    assert verdicts(read_lines("\n".join(map(json.dumps, sent)).encode())) == alone
    assert verdicts(from_dicts(copy.deepcopy(sent))) == alone


@given(sent=groups(), times=st.sampled_from((4, 10, 260)))
def test_a_large_group_gets_them_too(sent: list[Event], times: int) -> None:
    """Few values are converted one by one, more in columns, and many are looked at by Arrow: no verdict may tell which."""
    alone = [verdicts(read_events(body_of(event)))[0] for event in sent]
    assert verdicts(read_events(json.dumps(sent * times).encode())) == alone * times


@given(body=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_reading_any_bytes_gives_events_or_says_that_it_cannot(body: bytes) -> None:
    for read in (read_events, read_lines):
        try:
            verdicts(read(body))
        except Unreadable as unreadable:
            assert str(unreadable)  # noqa: PT017  # either way is right


@given(data=st.data(), sent=st.lists(events(), min_size=1, max_size=2))
def test_a_body_with_a_changed_byte_gives_events_or_says_that_it_cannot(data: st.DataObject, sent: list[Event]) -> None:
    body = bytearray(body_of(*sent))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    for read in (read_events, read_lines):
        try:
            verdicts(read(bytes(body)))
        except Unreadable as unreadable:
            assert str(unreadable)  # noqa: PT017


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("event_type", "events", "properties", "items", "price", "metadata", "user_id", "x")), inner, max_size=4
        )
    ),
    max_leaves=10,
)


@given(value=json_values)
def test_any_json_gives_verdicts_or_is_unreadable(value: Any) -> None:
    body = json.dumps(value).encode()
    for read in (read_events, read_lines):
        try:
            verdicts(read(body))
        except Unreadable as unreadable:
            assert str(unreadable)  # noqa: PT017


def test_two_wrong_ids_that_are_two_right_ones_when_joined_are_wrong() -> None:
    joined = "0198c1f2-7a3b-7c4d-8e5f-60718293a4b5" * 2
    sent = [{"event_type": "search", "user_id": "u", "event_id": one, "properties": {"query": "x"}} for one in (joined[:35], joined[35:])]
    assert [field_of(verdict) for verdict in verdicts(read_events(body_of(*sent)))] == ["event_id", "event_id"]


ODD = {
    "event_id": ("0198c1f2a7a3ba7c4da8e5fa60718293a4b5", "0198c1f2-7a3b-7c4d-8e5f-60718293a4 5", "{198c1f2-7a3b-7c4d-8e5f-60718293a4b}"),
    "timestamp": ("0000-01-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01", "1999-12-31T23:59:59Z"),
    "source": ("Web", ""),
    "session_id": ("", "x" * 1025),
}


@pytest.mark.parametrize("field", ODD)
@pytest.mark.parametrize("beside", [1, 20, 600])
def test_a_value_that_only_looks_right_is_found_whatever_stands_beside_it(field: str, beside: int) -> None:
    right = {
        "event_type": "search",
        "user_id": "u",
        "event_id": "0198c1f2-7a3b-7c4d-8e5f-60718293a4b5",
        "timestamp": "2026-01-01T00:00:00Z",
    }
    right |= {"session_id": "s", "source": "web", "properties": {"query": "x"}}
    for value in ODD[field]:
        alone = verdicts(read_events(body_of({**right, field: value})))
        assert field_of(alone[0]) == field
        assert verdicts(read_events(body_of(*[right] * beside, {**right, field: value})))[-1:] == alone
