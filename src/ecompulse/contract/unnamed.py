"""What an event holds that the contract does not name, told from its bytes once all that it does name was decoded.

Many shops add a property of their own to every event. To decode such an event anew, value by value, takes ten times as long as reading it
did; here only the names of its objects are read, and the values behind those that nobody named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Raw
from msgspec.json import Decoder, Encoder

from ecompulse.contract.event import ENVELOPE_FIELDS, ITEM_FIELDS, METADATA_FIELDS, NESTING_LIMIT, PROPERTY_FIELDS, REST_LIMIT
from ecompulse.contract.names import names_in
from ecompulse.contract.rows import Rest
from ecompulse.contract.unreadable import MALFORMED

_ENVELOPE, _PROPERTY, _METADATA, _ITEM = map(frozenset, (ENVELOPE_FIELDS, PROPERTY_FIELDS, METADATA_FIELDS, ITEM_FIELDS))
_object = Decoder(dict[str, Raw] | None).decode
_lines = Decoder(list[dict[str, Raw]] | None).decode
_value = Decoder().decode
_text = Encoder().encode
_NO_NAMES: Final[Mapping[str, Raw]] = {}
_NESTING: Final = frozenset((dict, list))


class Unsure(Exception):
    """An event has to be looked at more closely: a name may stand twice in it, or a value may be one that cannot be kept."""


def rest_of(event: bytes, names: int) -> Rest | None:
    """What nobody named in an event whose named values could be decoded; None where that is nothing.

    Args:
        event: its JSON, without a NUL.
        names: how many names it holds at most (`names_at_most`): with as many decoded, none stands twice in an object.

    Raises:
        Unsure: fewer were decoded, or something may be in it that cannot be kept.
    """
    try:
        envelope = _object(event) or _NO_NAMES
        properties, metadata = _inner(envelope, "properties"), _inner(envelope, "metadata")
        names -= len(envelope) + len(properties) + len(metadata)
        rest = _Rest(event)
        in_properties, in_metadata = rest.of(properties, _PROPERTY), rest.of(metadata, _METADATA)
        in_envelope = rest.of(envelope, _ENVELOPE)
        in_items: tuple[str | None, ...] = ()
        if "items" in properties:
            lines = _lines(properties["items"]) or ()
            names -= sum(map(len, lines))
            in_items = tuple([rest.of(line, _ITEM) for line in lines])
    except MALFORMED:
        raise Unsure from None
    if names != rest.names:
        raise Unsure
    return Rest(in_properties, in_metadata, in_envelope, in_items) if rest.found else None


def may_nest_too_deeply(event: bytes) -> bool:
    """Whether the JSON of an event may hold more levels than are kept: a look at its bytes, for half of the time that a walk takes."""
    return event.count(b"{") + event.count(b"[") > NESTING_LIMIT


def has_nul(text: bytes) -> bool:
    """Whether an escaped NUL may stand in JSON. Most JSON has no backslash at all, and a byte, as a number, is found at once."""
    return ord("\\") in text and b"\\u0000" in text


def _inner(envelope: Mapping[str, Raw], name: str) -> Mapping[str, Raw]:
    raw = envelope.get(name)
    return _NO_NAMES if raw is None else _object(raw) or _NO_NAMES


class _Rest:
    """What is found in the objects of an event that the contract does not name, and how many names stand inside of it."""

    __slots__ = ("_event", "found", "names")

    def __init__(self, event: bytes) -> None:
        self._event, self.found, self.names = event, False, 0

    def of(self, names: Mapping[str, Raw], known: frozenset[str]) -> str | None:
        """What is not known, as JSON."""
        if known.issuperset(names):
            return None
        values: dict[str, Any] = {name: _value(raw) for name, raw in names.items() if name not in known}
        if not _NESTING.isdisjoint(map(type, values.values())):
            if may_nest_too_deeply(self._event):
                raise Unsure
            self.names += names_in(values) - len(values)
        text = _text(values)
        if len(text) > REST_LIMIT:
            raise Unsure
        self.found = True
        return text.decode()
