"""A dialect's body as JSON objects, and the way from those to what the contract reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from ecompulse.collect.answer import Refused, problem
from ecompulse.contract.names import TWICE, twice
from ecompulse.contract.read import Read, Rejection, from_dicts

Found = dict[str, Any]
"""A decoded JSON object."""

_objects = msgspec.json.Decoder(dict[str, Any])
_anything = msgspec.json.Decoder()
_raws = msgspec.json.Decoder(list[msgspec.Raw])
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


def one_object(body: bytes, batch: str | None = None) -> Found:
    """The body's one JSON object; `batch` is the pattern of the path of events in it, which `mapped` looks into.

    Raises:
        Refused: 400 where it is anything else, or a name stands twice in it.
    """
    try:
        found = _objects.decode(body)
    except _WRONG as wrong:
        raise unreadable(body, wrong) from None
    path = twice(body, found, batch)
    if path is not None:
        raise unreadable(body, f"{path} {TWICE}")
    return found


def objects_of(body: bytes) -> list[tuple[Any, bytes]]:
    """Each element of a JSON array, or the one object, with its own bytes.

    Raises:
        Refused: 400 where the body is neither.
    """
    try:
        if body.lstrip()[:1] != b"[":
            return [(one_object(body), body)]
        return [(_anything.decode(raw), bytes(raw)) for raw in _raws.decode(body)]
    except _WRONG as wrong:
        raise unreadable(body, wrong) from None


def mapped(objects: Sequence[tuple[Any, bytes]], to_event: Callable[[Found], Found]) -> Read:
    """Read events out of a dialect's objects; `to_event` gives the canonical envelope of one, or raises `Unmapped`."""
    events, raws, places, rejected = [], [], [], []
    for index, (found, raw) in enumerate(objects):
        try:
            if not isinstance(found, dict):
                raise Unmapped("", "an event is a JSON object")
            path = twice(raw, found)
            if path is not None:
                raise Unmapped(path, TWICE)
            events.append(to_event(found))
        except Unmapped as wrong:
            rejected.append(Rejection(index, None, wrong.field, wrong.reason, raw))
        else:
            raws.append(raw)
            places.append(index)
    read = from_dicts(events, raws)
    rejected += [replace(rejection, index=places[rejection.index]) for rejection in read.rejected]
    return Read(read.events, [places[position] for position in read.positions], rejected, lambda index: objects[index][1])
