"""GA4 Measurement Protocol: `POST /mp/collect?measurement_id=…&api_secret=…`; the secret is a key of ours. Answered 204, as Google does."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from ecompulse.collect.answer import Answer, Request, Verdict
from ecompulse.collect.body import json_body
from ecompulse.collect.commit import Intake
from ecompulse.collect.dialects.document import Found, Unmapped, elements_at, mapped
from ecompulse.collect.dialects.fields import coerced, due, event_id, renamed, settled, text, time
from ecompulse.collect.door import Door
from ecompulse.contract.event import text_limit
from ecompulse.guard.keys import QUERY_LIMIT

NAME: Final = "ga4"
EVENTS: Final = {
    "page_view": "page_view", "screen_view": "page_view", "view_item": "product_view", "add_to_cart": "add_to_cart",
    "remove_from_cart": "remove_from_cart", "purchase": "purchase", "search": "search", "view_search_results": "search",
    "login": "user_login", "sign_up": "user_login",
}  # fmt: skip
"""Event names → event types; every other name is a `custom` event of that name."""
PARAMS: Final = {
    "page_location": "page_url", "page_referrer": "referrer", "firebase_screen": "screen_name", "transaction_id": "order_id",
    "search_term": "query", "campaign": "utm_campaign", "source": "utm_source", "medium": "utm_medium", "term": "utm_term",
    "content": "utm_content",
}  # fmt: skip
ITEM: Final = {"item_id": "product_id", "item_name": "product_name", "item_category": "product_category"}
NO_CONTENT: Final = Answer(204)


def answer(_verdict: Verdict) -> Answer:
    """Google's 204, whatever the events were."""
    return NO_CONTENT


def receive(request: Request, door: Door) -> Answer | Intake:
    """Take the events of one client."""
    secret = dict(parse_qsl(request.query[:QUERY_LIMIT])).get("api_secret")
    sender = door.admit(request, secret)
    body, _ = json_body(request, door.config.body_max)
    around, events = elements_at(body, "events")
    return door.take(request, mapped(events, lambda found: to_event(found, around, sender.site)), sender, NAME, answer)


def to_event(found: Found, around: Found, site: str) -> Found:
    """The canonical envelope of one event of a payload.

    Raises:
        Unmapped: it has no name.
    """
    name, params = found.get("name"), found.get("params")
    if not isinstance(name, str) or not name:
        raise Unmapped("name", "is required")
    properties = renamed(params if isinstance(params, dict) else {}, PARAMS)
    session = properties.pop("session_id", None)
    user, client = text(around.get("user_id")), text(around.get("client_id") or around.get("app_instance_id"))
    event_type = EVENTS.get(name, "custom")
    if event_type == "user_login" and user is None:
        event_type = "custom"
    if event_type == "custom":
        if "name" in properties:
            properties["original_name"] = properties.pop("name")
        properties["name"] = name[: text_limit("name")]
    else:
        _with_items(event_type, properties)
    micros = found.get("timestamp_micros") or around.get("timestamp_micros")
    return {
        "event_type": event_type,
        # Without an id of its own, an event that tells its microsecond is known again by everything it says.
        "event_id": event_id(site, f"{client} {micros} {msgspec.json.encode(found).decode()}") if micros else None,
        "timestamp": _time(micros),
        "user_id": user,
        "anonymous_id": client,
        "session_id": text(session),
        "source": "mobile" if around.get("app_instance_id") else None,
        "properties": settled(event_type, coerced(properties), NAME),
    }


def _time(micros: Any) -> Any:
    if isinstance(micros, str) and micros.isascii() and micros.isdigit() and len(micros) < 20:
        micros = int(micros)
    if not isinstance(micros, int | float):
        return micros
    return time(micros / 1_000_000 if micros >= 1e14 else micros)  # below: seconds or milliseconds, a common mistake


def _with_items(event_type: str, properties: Found) -> None:
    """Items as the lines of a purchase; elsewhere the first item is the product, and several stay beside it, too."""
    items = properties.get("items")
    if not isinstance(items, list):
        return
    lines = [coerced(renamed(item, ITEM)) if isinstance(item, dict) else item for item in items]
    del properties["items"]
    if event_type == "purchase":
        properties["items"] = [{"quantity": 1, **line} if isinstance(line, dict) else line for line in lines]
        properties["total"] = due(properties)
        return
    if lines and isinstance(lines[0], dict):
        for name in ("product_id", "product_name", "product_category", "price", "quantity"):
            if lines[0].get(name) is not None:
                properties.setdefault(name, lines[0][name])
    properties["ga4_items"] = items
