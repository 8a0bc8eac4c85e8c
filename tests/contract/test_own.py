"""What shops add to the contract's names is read alike, whether its names have been learned or not."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.contract import own, read
from ecompulse.contract.event import NESTING_LIMIT, REST_LIMIT
from ecompulse.contract.names import TWICE
from ecompulse.contract.own import ENOUGH, NAMES_MAX, PACE_SECONDS, PLAIN, SEEN_MAX, OwnNames, Reader
from ecompulse.contract.read import Read, read_events, read_lines, read_ones
from ecompulse.contract.rows import Rest
from ecompulse.contract.unreadable import Unreadable

from .strategies import events, json_values

NAMES = ("color", "own name", "size")
TAUGHT = Reader(NAMES, ("locale",))
OWN = st.fixed_dictionaries({}, optional=dict.fromkeys((*NAMES, "hidden"), json_values))


@st.composite
def own_events(draw: st.DrawFn) -> bytes:
    """An event with names that are learned, and one that is not."""
    event = draw(events())
    event["properties"] = {**(event.get("properties") or {}), **draw(OWN)}
    event["metadata"] = {**(event.get("metadata") or {}), **draw(st.fixed_dictionaries({}, optional={"locale": json_values}))}
    return json.dumps(event, ensure_ascii=draw(st.booleans())).encode()


def told(body: bytes, reader: Reader, how: Any = read_events) -> Any:
    """What is read of a body by a process that has learned this much."""
    names = OwnNames()
    names.reader = reader
    with mock.patch.object(read, "OWN", names):
        try:
            found: Read = how(body)
        except Unreadable as error:
            return str(error)
    return list(found.events), list(found.positions), found.rejected, [found.raw(index) for index in range(found.count)]


@given(sent=st.lists(own_events(), min_size=1, max_size=4), one_by_one=st.booleans())
def test_what_is_read_does_not_depend_on_what_was_learned(sent: list[bytes], one_by_one: bool) -> None:
    bodies = sent if one_by_one else [b"[%s]" % b",".join(sent), b'{"events":[%s],"sent_at":"2026-06-01T12:00:00Z"}' % b",".join(sent)]
    for body in bodies:
        assert told(body, TAUGHT) == told(body, PLAIN)
    assert told(b"\n".join(sent), TAUGHT, read_lines) == told(b"\n".join(sent), PLAIN, read_lines)
    assert told(b"", TAUGHT, lambda _: _ones(sent)) == told(b"", PLAIN, lambda _: _ones(sent))


def _ones(sent: list[bytes]) -> Read:
    rows = read_ones(sent)
    return Read(rows if rows is not None else read_events(sent[0]).events, (), [], lambda index: sent[index])


def holding(*pairs: str) -> bytes:
    """An event with these in its properties."""
    return b'{"event_type":"custom","properties":{"name":"x",%s}}' % ",".join(pairs).encode()


@pytest.mark.parametrize(
    "odd",
    [
        holding('"color":"red","color":"blue"'),
        holding('"color":"red","name":"y"'),
        holding('"color":null'),
        holding('"color":{"red":1}'),
        holding('"color":{"red":1,"red":2}'),
        holding('"color":' + "[" * NESTING_LIMIT + "1" + "]" * NESTING_LIMIT),
        holding('"color":["red"]', '"size":4'),
        holding('"color":"' + "x" * REST_LIMIT + '"'),
        holding(f'"color":"{"x" * (REST_LIMIT // 2)}"', f'"size":"{"y" * (REST_LIMIT // 2)}"'),
        holding('"color":1e999'),
        holding('"color":"\\ud800"'),
        holding('"color":"\\u0000"'),
        holding('"color":18446744073709551616', '"size":1.50'),
        holding('"color":"a name\\":"'),
        holding('"color":false', '"hidden":0'),
        holding('"size":1', '"color":2'),
        holding('"price":"red"', '"quantity":"many"', '"color":"red"'),
        b'{"event_type":"custom","properties":{"name":"x","color":"\xff"}}',
        b'{"event_type":"custom","properties":null,"metadata":{"locale":"de"}}',
    ],
)
def test_an_odd_value_is_told_as_it_is_without_having_learned_its_name(odd: bytes) -> None:
    good = holding('"color":"red"')
    for body in (odd, b"[%s]" % odd, b"[%s,%s,%s]" % (good, odd, good)):
        assert told(body, TAUGHT) == told(body, PLAIN)
    assert told(b"%s\n%s" % (good, odd), TAUGHT, read_lines) == told(b"%s\n%s" % (good, odd), PLAIN, read_lines)


def test_a_name_that_comes_again_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    names = OwnNames()
    monkeypatch.setattr(read, "OWN", names)
    body = b"[%s]" % b",".join([holding('"color":"red"', '"only":{"deep":1}', '"never":null', '"\u00fc":1')] * ENOUGH)
    read_events(body)
    assert names.reader.properties.names == ("color",)
    (event, *_) = read_events(holding('"color":"blue"')).events
    assert getattr(event, "rest_properties", None) == '{"color":"blue"}'
    with mock.patch.object(read, "_looked_at", side_effect=AssertionError("learned in vain")):
        read_events(b"[%s]" % b",".join([holding('"color":"red"')] * 3))


def test_a_learned_name_that_stands_twice_is_told() -> None:
    _, _, (wrong,), _ = told(b"[%s,%s]" % (holding('"color":1'), holding('"color":1,"color":2')), TAUGHT)
    assert (wrong.index, wrong.field, wrong.reason) == (1, "properties.color", TWICE)


def note(names: OwnNames, *own_names: str, times: int = ENOUGH) -> None:
    """Let events come with these names."""
    for _ in range(times):
        for name in own_names:
            names.note(Rest(json.dumps({name: 1}), None, None, ()))


def test_names_are_learned_at_a_pace_and_old_ones_make_room() -> None:
    now = [0.0]
    names = OwnNames(lambda: now[0])
    note(names, "a")
    note(names, "b")
    assert names.reader.properties.names == ("a",)
    now[0] += PACE_SECONDS
    note(names, "rare", times=1)
    assert names.reader.properties.names == ("a", "b")
    now[0] += PACE_SECONDS
    note(names, *(f"n{place}" for place in range(NAMES_MAX - 2)), times=ENOUGH - 1)
    with mock.patch.object(own, "ENOUGH", ENOUGH - 1):
        note(names, "n0", times=1)
    assert len(names.reader.properties.names) == NAMES_MAX
    now[0] += PACE_SECONDS
    note(names, "new")
    assert names.reader.properties.names == ("new",)


def test_names_of_chance_cost_nothing_that_grows() -> None:
    names = OwnNames()
    for place in range(3 * SEEN_MAX):
        names.note(Rest(json.dumps({f"n{place}": 1}), json.dumps({f"m{place}": 1}), None, ()))
    assert all(len(seen) <= SEEN_MAX for seen in names._seen)  # what is bounded cannot be seen from outside
    assert names.reader is PLAIN
