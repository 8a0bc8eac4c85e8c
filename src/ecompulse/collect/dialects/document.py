"""A dialect's body as JSON objects, and the way from those to what the contract reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from ecompulse.collect.answer import Refused, problem
from ecompulse.contract.names import TWICE, first_twice, surely_none_twice, twice
from ecompulse.contract.read import Read, Rejection, from_dicts

Found = dict[str, Any]
"""A decoded JSON object."""

_objects = msgspec.json.Decoder(dict[str, Any])
_array = msgspec.json.Decoder(list[Any])
_raws = msgspec.json.Decoder(list[Raw])
_outer = msgspec.json.Decoder(dict[str, Raw])
_WRONG = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Unmapped(Exception):
    """An object that cannot become an event: which of its fields is wrong, and why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.reason = field, reason


def unreadable(body: bytes, wrong: Exception | str) -> Refused:
    """400 for a body that is no JSON of the wanted shape."""
    if isinstance(wrong, RecursionError):
        told = "it is nested too deeply"
    elif isinstance(wrong, UnicodeDecodeError):
        told = f"it is not UTF-8 (byte {wrong.start})"
    else:
        told = str(wrong)
    return Refused(problem(400, f"The body ({len(body)} bytes) cannot be read: {told}."))


class Elements(Struct, frozen=True):
    """The events of a body, decoded.

    `raw` gives the bytes that one was sent as. `checked` are those of which it is known that no name stands twice in one of their objects.
    """

    events: Sequence[Any]
    raw: Callable[[int], bytes]
    checked: bool


def one_element(found: Found, body: bytes) -> Elements:
    """An event that is the whole of what was sent."""
    return Elements([found], lambda _: body, checked=True)


def one_object(body: bytes) -> Found:
    """The body's one JSON object.

    Raises:
        Refused: 400 where it is anything else, or a name stands twice in it.
    """
    found = _object_of(body)
    path = twice(body, found)
    if path is not None:
        raise unreadable(body, f"{path} {TWICE}")
    return found


def elements_at(body: bytes, name: str, inside: str | None = None) -> tuple[Found, Elements]:
    """The body's one JSON object without the array `name`, and the elements of that.

    `inside` is the pattern of the paths of events, if they are not the elements themselves.

    Raises:
        Refused: 400 where it is anything else, has no such array, or a name stands twice in it outside of events.
    """
    found = _object_of(body)
    checked = _must_not_be_twice(body, found, inside or rf"{name}\.\d+")
    events = found.pop(name, None)
    if not isinstance(events, list):
        raise unreadable(body, f"`{name}` must be an array")
    raws = cache(lambda: _raws.decode(_outer.decode(body)[name]))
    return found, Elements(events, lambda index: bytes(raws()[index]), checked)


def elements_of(body: bytes) -> Elements:
    """The elements of a JSON array, or the one object.

    Raises:
        Refused: 400 where the body is neither.
    """
    if body.lstrip()[:1] != b"[":
        return one_element(one_object(body), body)
    try:
        events = _array.decode(body)
    except _WRONG as wrong:
        raise unreadable(body, wrong) from None
    raws = cache(lambda: _raws.decode(body))
    return Elements(events, lambda index: bytes(raws()[index]), surely_none_twice(body, events))


def _must_not_be_twice(body: bytes, found: Found, but: str) -> bool:
    """Whether no name stands twice in any object of a body; those at paths of the pattern `but` may have some.

    Raises:
        Refused: 400 where a name stands twice elsewhere.
    """
    if surely_none_twice(body, found):
        return True
    path = first_twice(body, but)
    if path is not None:
        raise unreadable(body, f"{path} {TWICE}")
    return False


def _object_of(body: bytes) -> Found:
    try:
        return _objects.decode(body)
    except _WRONG as wrong:
        raise unreadable(body, wrong) from None


def mapped(elements: Elements, to_event: Callable[[Found], Found]) -> Read:
    """Read events out of a dialect's objects; `to_event` gives the canonical envelope of one, or raises `Unmapped`."""
    events, places, rejected = [], [], []
    for index, found in enumerate(elements.events):
        try:
            if not isinstance(found, dict):
                raise Unmapped("", "an event is a JSON object")
            path = None if elements.checked else twice(elements.raw(index), found)
            if path is not None:
                raise Unmapped(path, TWICE)
            events.append(to_event(found))
        except Unmapped as wrong:
            rejected.append(Rejection(index, None, wrong.field, wrong.reason, elements.raw(index)))
        else:
            places.append(index)
    read = from_dicts(events, lambda place: elements.raw(places[place]))
    rejected += [replace(rejection, index=places[rejection.index]) for rejection in read.rejected]
    return Read(read.events, [places[position] for position in read.positions], rejected, elements.raw)
