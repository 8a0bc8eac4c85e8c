"""What an event holds that the contract does not name, told from its bytes once all that it does name was decoded.

Many shops add a property of their own to every event. To decode such an event anew, value by value, takes ten times as long as reading it
did; here only the names of its objects are read, and the values behind those that nobody named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Raw
from msgspec.json import Decoder

from ecompulse.contract.kept import ENVELOPE, ITEM, METADATA, PROPERTY, Wrong, may_nest_too_deeply, rest_json
from ecompulse.contract.names import NESTING, names_in
from ecompulse.contract.rows import Rest
from ecompulse.contract.unreadable import MALFORMED

_object = Decoder(dict[str, Raw] | None).decode
_lines = Decoder(list[dict[str, Raw]] | None).decode
_value = Decoder().decode
_NO_NAMES: Final[Mapping[str, Raw]] = {}


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
        in_properties, in_metadata = rest.of(properties, PROPERTY), rest.of(metadata, METADATA)
        in_envelope = rest.of(envelope, ENVELOPE)
        in_items: tuple[str | None, ...] = ()
        if "items" in properties:
            lines = _lines(properties["items"]) or ()
            names -= sum(map(len, lines))
            in_items = tuple([rest.of(line, ITEM) for line in lines])
    except (*MALFORMED, Wrong):
        raise Unsure from None
    if names != rest.names:
        raise Unsure
    return Rest(in_properties, in_metadata, in_envelope, in_items) if rest.found else None


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
        if not NESTING.isdisjoint(map(type, values.values())):
            if may_nest_too_deeply(self._event):
                raise Unsure
            self.names += names_in(values) - len(values)
        self.found = True
        return rest_json(values, "")
