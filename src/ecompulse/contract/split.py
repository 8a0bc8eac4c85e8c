"""The events of a body as they came, none of them decoded: where one is wrong, each is looked at alone."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from ecompulse.contract.names import TWICE, first_twice, names_at_most, names_at_most_of_each, names_in
from ecompulse.contract.unreadable import MALFORMED, Unreadable, unreadable


class _WrappedRaw(Struct):
    events: list[Raw]
    sent_at: str | None = None


_wrapped = msgspec.json.Decoder(_WrappedRaw)
_raws = msgspec.json.Decoder(list[Raw])
_anything = msgspec.json.Decoder()


def split(body: bytes) -> tuple[list[bytes], str | None]:
    """The bytes of each event of a body, and the `sent_at` beside them.

    Raises:
        Unreadable: the body is no JSON, holds no event, or has a name twice outside of its events.
    """
    start = body.lstrip()[:1]
    try:
        if start == b"[":
            return [bytes(raw) for raw in _raws.decode(body)], None
        if start == b"{":
            fields = msgspec.json.decode(body, type=dict[str, Raw])
            if "events" not in fields or "event_type" in fields:
                return [body], None
            wrapped = _wrapped.decode(body)
            raws = [bytes(raw) for raw in wrapped.events]
            _look_around(body, raws, fields)
            return raws, wrapped.sent_at
        _anything.decode(body)
    except MALFORMED as error:
        raise unreadable(body, error) from None
    raise Unreadable('byte 0: an event is a JSON object; send one, an array of them, or {"events": […]}')


def _look_around(body: bytes, raws: list[bytes], fields: dict[str, Raw]) -> None:
    """Refuse a body in which a name stands twice outside of its events."""
    around = len(fields) + sum(names_in(_anything.decode(raw)) for name, raw in fields.items() if name != "events")
    if names_at_most(body) != around + int(names_at_most_of_each(raws).sum()):
        path = first_twice(body, but="events")
        if path is not None:
            raise Unreadable(f"{path} {TWICE}")
