"""What the contract does not name is told from the names of an event's objects as it is by looking at each of its values."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.contract.strategies import events

from ecompulse.contract.event import NESTING_LIMIT, REST_LIMIT
from ecompulse.contract.kept import kept_event, may_nest_too_deeply
from ecompulse.contract.names import names_at_most
from ecompulse.contract.read import read_events
from ecompulse.contract.rows import Rest
from ecompulse.contract.unnamed import Unsure, rest_of

LINE = {"product_id": "P-1", "quantity": 1, "price": 2}


def written(event: dict[str, Any], **how: Any) -> bytes:
    return json.dumps(event, **how).encode()


def holding(more: str = "", line: str = "", outside: str = "") -> bytes:
    """A purchase with more in its properties, in its second line and beside them."""
    lines = f"[{json.dumps(LINE)},{json.dumps(LINE)[:-1]}{line}}}]"
    return f'{{"event_type":"purchase","user_id":"u","properties":{{"order_id":"o","items":{lines}{more}}}{outside}}}'.encode()


@given(events(), st.booleans(), st.sampled_from([None, (",", ":"), (" ,", " : ")]))
def test_the_same_is_found_as_by_looking_at_every_value(event: dict[str, Any], ascii_only: bool, separators: Any) -> None:
    raw = written(event, ensure_ascii=ascii_only, separators=separators)
    assume(not may_nest_too_deeply(raw))  # as many levels as there are lines, for all that is known
    kept = kept_event(msgspec.json.decode(raw), walked=True)
    rest = Rest(kept.rest_properties, kept.rest_metadata, kept.rest_envelope, kept.rest_items)
    told = rest_of(raw, _names(event))
    assert (told or Rest(None, None, None, rest.items)) == rest
    assert told is not None or not any((rest.properties, rest.metadata, rest.envelope, *rest.items))


def _names(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_names, value.values()))
    return sum(map(_names, value)) if isinstance(value, list) else 0


def test_each_place_keeps_its_own() -> None:
    told = rest_of(raw := holding(',"a":1.50', ',"b":"é","coupon":"x"', ',"c":{"d":[null]},"metadata":{"e":true}'), names_at_most(raw))
    assert told == Rest('{"a":1.5}', '{"e":true}', '{"c":{"d":[null]}}', (None, '{"b":"é","coupon":"x"}'))


def test_what_is_only_null_is_nothing() -> None:
    raw = holding(',"coupon":null', ',"product_name":null', ',"metadata":null,"session_id":null')
    assert rest_of(raw, names_at_most(raw)) is None


@pytest.mark.parametrize(
    "raw",
    [
        holding(',"a":1,"a":2'),
        holding(',"order_id":"o"'),
        holding(line=',"quantity":1'),
        holding(line=',"b":1,"b":1'),
        holding(outside=',"user_id":"u"'),
        holding(outside=',"metadata":{"x":{"y":1,"y":1}}'),
        holding(',"a":"looks like a name\\":"'),
        holding(',"a":' + "[" * NESTING_LIMIT + "]" * NESTING_LIMIT),
        holding(',"a":"' + "x" * REST_LIMIT + '"'),
        holding(',"a":1e999'),
        holding(',"a":"\\ud800"'),
    ],
)
def test_what_is_not_sure_is_looked_at_more_closely(raw: bytes) -> None:
    with pytest.raises(Unsure):
        rest_of(raw, names_at_most(raw))


@pytest.mark.parametrize("together", [True, False])
def test_a_property_of_the_shops_own_is_kept_among_events_without_one(together: bool) -> None:
    plain, own = holding(), holding(',"color":"red"')
    bodies = [b"[%s]" % b",".join([plain, own, plain])] if together else [plain, own, plain]
    kept = [event for body in bodies for event in read_events(body).events]
    assert [getattr(event, "rest_properties", None) for event in kept] == [None, '{"color":"red"}', None]
