"""A name that stands twice in one object is found wherever it stands and however it is written, and nothing else is taken for one."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.contract.names import first_twice, names_at_most, names_at_most_of_each, names_in, twice
from ecompulse.contract.read import read_events, read_lines
from ecompulse.contract.unreadable import Unreadable

from .strategies import body_of, events
from .test_verdicts import field_of, json_values, verdicts

RIGHT = b'{"event_type":"custom","user_id":"u","properties":{"name":"x"}}'
LINE = b'{"product_id":"p","quantity":1,"price":1'
PURCHASE = b'{"event_type":"purchase","user_id":"u","properties":{"order_id":"o","currency":"EUR","total":1,"items":[%s}]}}' % LINE
TWICE: dict[str, tuple[bytes, str]] = {
    "in the envelope": (RIGHT[:-1] + b',"user_id":"v"}', "user_id"),
    "the type": (b'{"event_type":"custom",' + RIGHT[1:], "event_type"),
    "with the same value": (RIGHT[:-1] + b',"user_id":"u"}', "user_id"),
    "in properties": (RIGHT[:-2] + b',"name":"y"}}', "properties.name"),
    "all properties": (RIGHT[:-1] + b',"properties":{"name":"y"}}', "properties"),
    "in metadata": (RIGHT[:-1] + b',"metadata":{"platform":"web","platform":"ios"}}', "metadata.platform"),
    "in a line": (PURCHASE.replace(LINE, LINE + b',"price":2'), "properties.items.0.price"),
    "of the second line": (PURCHASE.replace(LINE, LINE + b"}," + LINE + b',"product_id":"q"'), "properties.items.1.product_id"),
    "among what nobody named": (RIGHT[:-2] + b',"a":1,"a":2}}', "properties.a"),
    "deep in what nobody named": (RIGHT[:-2] + b',"a":[1,{"b":{"c":1,"d":2,"c":3}}]}}', "properties.a.1.b.c"),
    "around the envelope": (RIGHT[:-1] + b',"tenant":1,"tenant":1}', "tenant"),
    "in a line, unnamed": (PURCHASE.replace(LINE, LINE + b',"size":1,"size":2'), "properties.items.0.size"),
    "first null": (b'{"user_id":null,' + RIGHT[1:], "user_id"),
    "then null": (RIGHT[:-1] + b',"user_id":null}', "user_id"),
    "both null": (RIGHT[:-1] + b',"session_id":null,"session_id":null}', "session_id"),
    "space before the colon": (RIGHT[:-1] + b',"user_id" :"v"}', "user_id"),
    "many spaces before the colon": (RIGHT[:-1] + b',"user_id" \t\r :"v"}', "user_id"),
    "a space hides one name less": (b'{"event_type" :"custom","user_id":"u","user_id":"v","properties":{"name":"x"}}', "user_id"),
    "null in a text": (RIGHT[:-1] + b',"user_id":"a:null,b"}', "user_id"),
    "written with an escape": (RIGHT[:-1] + b',"user\\u005fid":"v"}', "user_id"),
    "both written with escapes": (RIGHT[:-2] + b',"\\u0061":1,"\\u0061":2}}', "properties.a"),
    "beside what looks like a name": (RIGHT[:-2] + b',"page_title":"\\"a\\": b","name":"y"}}', "properties.name"),
    "beside a wrong type": (RIGHT[:-2] + b',"quantity":"x","quantity":1}}', "properties.quantity"),
}
ONCE = {
    "plain": RIGHT,
    "nulls": RIGHT[:-1] + b',"session_id":null,"sent_at":null,"metadata":null}',
    "null properties": RIGHT[:-2] + b',"coupon":null,"items":null}}',
    "spaces before colons": RIGHT.replace(b":", b" \t: "),
    "what looks like a name": RIGHT[:-2] + b',"page_title":"\\"user_id\\":1, \\"user_id\\" :2","message":"a : b"}}',
    "the same name in two objects": RIGHT[:-2] + b',"user_id":1,"a":{"name":1,"event_type":2}}}',
    "names that differ in case": RIGHT[:-2] + b',"Name":1,"NAME":2}}',
    "names like lists": RIGHT[:-2] + b',"a":[{"b":1},{"b":2}]}}',
    "text of null": RIGHT[:-2] + b',"coupon":":null,"}}',
    "an escaped name": RIGHT.replace(b"user_id", b"user\\u005fid"),
    "no name at all": RIGHT[:-2] + b',"":1," ":2}}',
}


@pytest.mark.parametrize("what", TWICE)
def test_alone_it_is_an_unreadable_body_that_names_the_field(what: str) -> None:
    body, path = TWICE[what]
    with pytest.raises(Unreadable, match="twice") as unreadable:
        read_events(body)
    assert str(unreadable.value).startswith(f"{path} appears twice")


@pytest.mark.parametrize("what", TWICE)
def test_in_a_batch_it_is_rejected_with_its_bytes_and_its_neighbours_are_taken(what: str) -> None:
    body, path = TWICE[what]
    for batch in (b"[%s,%s,%s]", b'{"events":[%s, %s ,%s]}', b'{ "sent_at":null, "events": [%s,%s,%s] }', b"%s\n%s\n%s"):
        read = (read_lines if batch.startswith(b"%s") else read_events)(batch % (RIGHT, body, RIGHT))
        (wrong,) = read.rejected
        assert (wrong.index, wrong.field, wrong.body) == (1, path, body)
        assert "appears twice" in wrong.reason
        assert list(read.positions) == [0, 2]
        assert read.raw(1) == body


@pytest.mark.parametrize("what", ONCE)
def test_what_stands_once_is_taken(what: str) -> None:
    body = ONCE[what]
    for read in (read_events(body), read_events(b"[%s,%s]" % (RIGHT, body)), read_lines(b"%s\n%s" % (body, RIGHT))):
        assert [field_of(verdict) for verdict in verdicts(read)] == [None] * read.count


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"events":[],"events":[%s]}' % RIGHT, "events"),
        (b'{"events":[%s],"sent_at":"2026-01-01T00:00:00Z","sent_at":"2026-01-01T00:00:00Z"}' % RIGHT, "sent_at"),
        (b'{"sent_at":null, "events":[%s], "sent_at" : null}' % RIGHT, "sent_at"),
        (b'{"events":[%s],"shop":{"a":1,"a":2}}' % RIGHT, "shop.a"),
    ],
)
def test_around_the_events_it_is_an_unreadable_body(body: bytes, path: str) -> None:
    with pytest.raises(Unreadable, match=f"^{path} appears twice"):
        read_events(body)


@given(value=json_values)
def test_texts_hold_at_least_as_many_names_as_are_counted_and_none_twice(value: Any) -> None:
    for text in (json.dumps(value).encode(), json.dumps(value, indent=1, separators=(" ,", "\n: ")).encode(), msgspec.json.encode(value)):
        assert names_at_most(text) >= names_in(json.loads(text))
        assert twice(text, json.loads(text)) is None
        assert first_twice(text) is None


@given(texts=st.lists(st.text(st.sampled_from('": \n\\a{}[]'), max_size=12).map(str.encode), max_size=6), times=st.sampled_from((1, 3_000)))
def test_long_texts_and_many_are_counted_like_short_ones(texts: list[bytes], times: int) -> None:
    assert names_at_most_of_each(texts).tolist() == [names_at_most(text) for text in texts]
    if texts:
        assert names_at_most((b"x" + texts[0]) * times) == sum(names_at_most(b"x" + texts[0]) for _ in range(times))


@given(sent=st.lists(events(), min_size=1, max_size=4))
def test_a_read_event_has_no_more_names_than_its_bytes(sent: list[Any]) -> None:
    read = read_events(body_of(*sent))
    assert all(count <= names_in(one) for count, one in zip(read.events.names(), sent, strict=True))


@st.composite
def with_a_name_twice(draw: st.DrawFn) -> bytes:
    """An event of which one name, anywhere, is written a second time."""
    event = draw(events())
    objects: list[dict[str, Any]] = []
    inside: list[Any] = [event]
    for one in inside:
        if isinstance(one, dict | list):
            inside += one.values() if isinstance(one, dict) else one
        if isinstance(one, dict) and one:
            objects.append(one)
    chosen = draw(st.sampled_from(objects))
    name, other = draw(st.sampled_from(sorted(chosen))), "\N{PILE OF POO}again"
    chosen[other] = draw(st.sampled_from((None, chosen[name])))
    marked = json.dumps(event, ensure_ascii=draw(st.booleans()), separators=(",", draw(st.sampled_from((":", " : ", ":\n")))))
    for written in (json.dumps(other), json.dumps(other, ensure_ascii=False)):
        marked = marked.replace(written, json.dumps(name))
    return marked.encode()


@given(body=with_a_name_twice())
def test_a_name_written_again_anywhere_is_found(body: bytes) -> None:
    with pytest.raises(Unreadable, match="appears twice"):
        read_events(body)
