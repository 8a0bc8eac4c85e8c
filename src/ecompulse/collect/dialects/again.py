"""Reading one event again, in the dialect in which it came: for dead letters that are sent through the door once more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from ecompulse.collect.dialects import cloudevents, ga4, rest, segment, snowplow
from ecompulse.collect.dialects.document import Elements, Found, mapped
from ecompulse.contract.read import Read, read_events

_anything = msgspec.json.Decoder()
_REST_KINDS: Final = (("action", "cart"), ("query", "search"), ("items", "purchase"), ("order_id", "purchase"), ("orderId", "purchase"))
"""What tells the address that a body was sent to, which is not kept with it; without any of these it was a product view."""


def read_again(dialect: str, body: bytes, site: str) -> Read:
    """Read the bytes of one event; a body that was corrected into the canonical envelope is read as that.

    Raises:
        Unreadable: they are no JSON object.
    """
    mapping = _mapping(dialect, site)
    if mapping is None:
        return read_events(body)
    found = _object(body)
    if found is None or "event_type" in found:
        return read_events(body)
    return mapped(Elements([found], lambda _: body, checked=False), mapping)


def _mapping(dialect: str, site: str) -> Callable[[Found], Found] | None:
    if dialect == segment.NAME:
        return lambda message: segment.to_event(message.get("type") or message.get("action"), message, {}, site)
    if dialect == rest.NAME:
        return lambda found: rest.to_event(_rest_kind(found), found)
    if dialect == ga4.NAME:
        return lambda found: ga4.to_event(found, {}, site)  # the client stood around its events, and is not kept with them
    if dialect == snowplow.NAME:
        return lambda found: snowplow.to_event(found, site)
    if dialect == cloudevents.NAME:
        return lambda found: cloudevents.to_event(found, site)
    return None


def _rest_kind(found: Found) -> str:
    return next((kind for name, kind in _REST_KINDS if name in found), "product-view")


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        found = _anything.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
