"""The shop's events as a Segment SDK sends them, for a measure of what another dialect costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

_TRACKS: Final = {
    "product_view": "Product Viewed",
    "add_to_cart": "Product Added",
    "remove_from_cart": "Product Removed",
    "purchase": "Order Completed",
    "search": "Products Searched",
}
_OF_CONTEXT: Final = frozenset({"page_url", "page_title", "referrer", "user_agent", "ip_address"})


def segment_batch(events: Sequence[bytes]) -> bytes:
    """The body of `POST /v1/batch` with these canonical events."""
    return msgspec.json.encode({"batch": [_message(msgspec.json.decode(event)) for event in events], "sentAt": "2026-06-01T12:00:00Z"})


def _message(event: dict[str, Any]) -> dict[str, Any]:
    about = event["properties"]
    page = {"url": about.get("page_url"), "referrer": about.get("referrer"), "title": about.get("page_title")}
    message = {
        "messageId": event["event_id"],
        "timestamp": event["timestamp"],
        "userId": event.get("user_id"),
        "anonymousId": event.get("anonymous_id"),
        "context": {"userAgent": about.get("user_agent"), "page": page, "library": {"name": "analytics.js", "version": "2.11"}},
        "properties": {name: value for name, value in about.items() if name not in _OF_CONTEXT},
    }
    if event["event_type"] == "page_view":
        return {**message, "type": "page"}
    return {**message, "type": "track", "event": _TRACKS.get(event["event_type"], event["event_type"])}
