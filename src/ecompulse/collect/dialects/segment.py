"""Segment's HTTP Tracking API, which RudderStack's SDKs speak, too: track, page, screen, identify, group, alias; single or in a batch."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from ecompulse.collect.answer import Answer, Request, Verdict, as_json
from ecompulse.collect.body import json_body
from ecompulse.collect.commit import Intake
from ecompulse.collect.dialects import segment_names as names
from ecompulse.collect.dialects.document import Found, Unmapped, elements_at, mapped, one_element, one_object
from ecompulse.collect.dialects.fields import coerced, due, event_id, first, renamed, settled, text, time
from ecompulse.collect.door import Door
from ecompulse.contract.event import SOURCES, text_limit

NAME: Final = "segment"
CALLS: Final = ("track", "page", "screen", "identify", "group", "alias")
SUCCESS: Final = as_json({"success": True})
ASIDE: Final = "segment"
"""Where properties stand that share a name with the contract's but do not fit there."""

_PRODUCT_TYPES: Final = ("product_view", "add_to_cart", "remove_from_cart")


def answer(verdict: Verdict) -> Answer:
    """Segment's 200. Its clients look no further; a developer sees what was not taken."""
    return SUCCESS if not verdict.rejected else as_json({"success": True, "rejected": verdict.rejected})


def receive_one(call: str) -> Callable[[Request, Door], Answer | Intake]:
    """The handler of `/v1/<call>`."""

    def receive(request: Request, door: Door) -> Answer | Intake:
        body, _ = json_body(request, door.config.body_max)
        found = one_object(body)
        sender = door.admit(request, _key(found))
        read = mapped(one_element(found, body), lambda message: to_event(call, message, {}, sender.site))
        return door.take(request, read, sender, NAME, answer)

    return receive


def receive_batch(request: Request, door: Door) -> Answer | Intake:
    """The handler of `/v1/batch`."""
    body, _ = json_body(request, door.config.body_max)
    around, messages = elements_at(body, "batch")
    sender = door.admit(request, _key(around))
    read = mapped(messages, lambda message: to_event(message.get("type") or message.get("action"), message, around, sender.site))
    return door.take(request, read, sender, NAME, answer)


def _key(found: Found) -> str | None:
    key = found.get("writeKey")
    return key if isinstance(key, str) else None


def to_event(call: Any, message: Found, around: Found, site: str) -> Found:
    """The canonical envelope of one message.

    Args:
        call: track, page, …
        message: the message.
        around: what a batch says for all of its messages (`context`, `sentAt`).
        site: the sender's site; message ids that are no UUIDs become UUIDs of this site.

    Raises:
        Unmapped: the message is of no known type, or a track without a name.
    """
    if call not in CALLS:
        raise Unmapped("type", f"must be one of {', '.join(CALLS)}")
    context = {**_object(around.get("context")), **_object(message.get("context"))}
    event_type, properties = _TYPED[call](message)
    surroundings = _surroundings(context)
    properties = {**surroundings, **{name: value for name, value in properties.items() if value is not None}}
    event_type, properties = _complete(call, event_type, properties, message)
    message_id = message.get("messageId")
    given_id = event_id(site, message_id)
    if given_id is not None and given_id != message_id:
        properties["message_id"] = message_id
    return {
        "event_type": event_type,
        "event_id": given_id,
        "timestamp": time(first(message, ("originalTimestamp", "timestamp"))),
        "sent_at": time(message.get("sentAt") or around.get("sentAt")),
        "user_id": text(message.get("userId")),
        "anonymous_id": text(message.get("anonymousId")),
        "session_id": text(first(context, ("sessionId", "session_id"))),
        "source": _source(message, context),
        "properties": settled(event_type, properties, ASIDE),
        "metadata": _metadata(message, context),
    }


# ---- the calls: each gives an event type and its properties


def _track(message: Found) -> tuple[str, Found]:
    name = message.get("event")
    if not isinstance(name, str) or not name.strip():
        raise Unmapped("event", "is required for track")
    properties = dict(_object(message.get("properties")))
    event_type = names.TRACKS.get(name.strip().lower(), "custom")
    if event_type == "user_login" and message.get("userId") is None:
        event_type = "custom"  # nobody became known
    if event_type == "custom":
        return "custom", _named(name.strip(), properties)
    if event_type in _PRODUCT_TYPES:
        return event_type, coerced(renamed(properties, names.PRODUCT))
    if event_type == "purchase":
        return event_type, _order(properties)
    return event_type, coerced(renamed(properties, names.SEARCH)) if event_type == "search" else properties


def _page(message: Found) -> tuple[str, Found]:
    properties = renamed(dict(_object(message.get("properties"))), names.PAGE)
    name = first(message, ("name",)) or properties.get("name")
    properties.pop("name", None)
    if isinstance(name, str) and name:
        properties.setdefault("page_name", name)
    if message.get("category") is not None:
        properties.setdefault("page_category", message["category"])
    return "page_view", properties


def _screen(message: Found) -> tuple[str, Found]:
    properties = dict(_object(message.get("properties")))
    name = first(message, ("name", "event")) or properties.pop("name", None)
    return "page_view", {**properties, **({"screen_name": name} if isinstance(name, str) and name else {})}


def _identify(message: Found) -> tuple[str, Found]:
    return "custom", {"name": "identify", "traits": _object(message.get("traits"))}


def _group(message: Found) -> tuple[str, Found]:
    return "custom", {"name": "group", "group_id": message.get("groupId"), "traits": _object(message.get("traits"))}


def _alias(message: Found) -> tuple[str, Found]:
    return "custom", {"name": "alias", "previous_id": message.get("previousId")}


_TYPED: Final[dict[str, Callable[[Found], tuple[str, Found]]]] = {
    "track": _track, "page": _page, "screen": _screen, "identify": _identify, "group": _group, "alias": _alias,
}  # fmt: skip


def _named(name: str, properties: Found) -> Found:
    """Properties of a custom event; one that is itself called `name` is kept beside it."""
    if "name" in properties:
        properties["original_name"] = properties.pop("name")
    return {**coerced(properties), "name": name[: text_limit("name")]}


def _order(properties: Found) -> Found:
    """A purchase out of an Order Completed: its lines, and its total where only the parts are told."""
    order = renamed(properties, names.ORDER)
    products = order.pop("products", None)
    if isinstance(products, list):
        order["items"] = [_line(product) if isinstance(product, dict) else product for product in products]
        if order.get("total") is None:
            order["total"] = due(order)
    return coerced(order)


def _line(product: Found) -> Found:
    line = coerced(renamed(product, names.PRODUCT))
    line.setdefault("quantity", 1)
    return {name: value for name, value in line.items() if value is not None}


def _complete(call: str, event_type: str, properties: Found, message: Found) -> tuple[str, Found]:
    """A page or screen without anything to show for it is kept as a custom event."""
    if event_type == "page_view" and not (properties.get("page_url") or properties.get("screen_name")):
        name = properties.get("page_name")
        if isinstance(name, str):
            return event_type, {**properties, "screen_name": name}
        return "custom", _named(call, properties)
    if event_type == "page_view" and call == "page" and not properties.get("page_title") and isinstance(message.get("name"), str):
        properties["page_title"] = message["name"]
    return event_type, properties


# ---- the context


def _object(value: Any) -> Found:
    return value if isinstance(value, dict) else {}


def _surroundings(context: Found) -> Found:
    """The properties that every event may carry, out of its context."""
    found: Found = {}
    page, campaign = _object(context.get("page")), _object(context.get("campaign"))
    for inner, table in ((page, names.CONTEXT_PAGE), (campaign, names.CAMPAIGN), (context, names.CONTEXT)):
        for theirs, ours in table.items() if inner else ():
            value = inner.get(theirs)
            if value and isinstance(value, str):
                found[ours] = value
    return found


def _source(message: Found, context: Found) -> str | None:
    """web, mobile or server, where the message says so."""
    channel = message.get("channel") or context.get("channel")
    if channel in SOURCES:
        return str(channel)
    library = str(_object(context.get("library")).get("name", "")).lower()
    if context.get("device") or _MOBILE.search(library):
        return "mobile"
    if context.get("page") or library in ("analytics.js", "rudderlabs javascript sdk"):
        return "web"
    return "server" if library.startswith("analytics-") else None


def _metadata(message: Found, context: Found) -> Found:
    """What else came with the message; the address of the sender is not kept a second time."""
    library, device, system = (_object(context.get(name)) for name in ("library", "device", "os"))
    rest = {name: value for name, value in message.items() if name not in _PLACED}
    platform = first(device, ("type",)) or system.get("name")
    kept = {name: value for name, value in context.items() if name != "ip"}
    metadata: Found = {}
    if rest:
        metadata["message"] = rest
    if kept:
        metadata["context"] = kept
    if isinstance(platform, str):
        metadata["platform"] = platform.lower()[: text_limit("platform")]
    version = text(library.get("version"))
    if isinstance(version, str):
        metadata["sdk_version"] = version[: text_limit("sdk_version")]
    return metadata


_PLACED: Final = frozenset(names.ENVELOPE)
_MOBILE: Final = re.compile("ios|android|swift|kotlin|react-native|flutter")
