"""`POST /api/events/…`: one address for each kind of event, flat bodies in camelCase or snake_case."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from ecompulse.collect.answer import Answer, Request, verdict_answer
from ecompulse.collect.body import json_body
from ecompulse.collect.commit import Intake
from ecompulse.collect.dialects.document import Found, Unmapped, elements_of, mapped
from ecompulse.collect.door import Door
from ecompulse.contract.event import ENVELOPE_FIELDS

NAME: Final = "rest"
EVENT_TYPES: Final = {"product-view": "product_view", "purchase": "purchase", "search": "search"}
"""Address → event type; `cart` is two types, by its action."""
ACTIONS: Final = {"add": "add_to_cart", "remove": "remove_from_cart"}
SUMMARIES: Final = {
    "product-view": "A product was looked at.",
    "purchase": "An order was completed.",
    "cart": "A product was put into the cart (action add) or taken out (remove).",
    "search": "The shop was searched.",
}
RENAMED: Final = {"category": "product_category", "total_amount": "total", "amount": "total", "results": "results_count"}
"""Names in snake_case that senders use for the contract's."""

_ENVELOPE: Final = frozenset(ENVELOPE_FIELDS) - {"event_type"}
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def snake(name: str) -> str:
    """`productId` as `product_id`."""
    return _HUMP.sub("_", name).lower() if not name.islower() else name


def _snaked(found: Any) -> Found:
    return {snake(name): value for name, value in found.items()}


def to_event(kind: str, found: Found) -> Found:
    """The canonical envelope of one body of the address `kind`.

    Raises:
        Unmapped: a cart body whose action is neither add nor remove.
    """
    flat = _snaked(found)
    envelope = {name: flat.pop(name) for name in _ENVELOPE & flat.keys() if name not in ("properties", "metadata")}
    nested, metadata = flat.pop("properties", None), flat.pop("metadata", None)
    if isinstance(nested, dict):
        flat |= _snaked(nested)
    elif nested is not None:
        raise Unmapped("properties", "expected `object`")
    if isinstance(metadata, dict):
        metadata = _snaked(metadata)
    if kind == "cart":
        action = flat.pop("action", None)
        if not isinstance(action, str) or action.lower() not in ACTIONS:
            raise Unmapped("action", "must be add or remove")
        event_type = ACTIONS[action.lower()]
    else:
        event_type = EVENT_TYPES[kind]
    for old, new in RENAMED.items():
        if old in flat and new not in flat:
            flat[new] = flat.pop(old)
    items = flat.get("items")
    if isinstance(items, list):
        flat["items"] = [_item(item) if isinstance(item, dict) else item for item in items]
    return {"event_type": event_type, **envelope, "properties": flat, **({"metadata": metadata} if metadata is not None else {})}


def _item(item: Found) -> Found:
    flat = _snaked(item)
    for old, new in (("name", "product_name"), ("category", "product_category")):
        if old in flat and new not in flat:
            flat[new] = flat.pop(old)
    return flat


def _receiver(kind: str) -> Callable[[Request, Door], Answer | Intake]:
    def receive(request: Request, door: Door) -> Answer | Intake:
        sender = door.admit(request)
        body, _ = json_body(request, door.config.body_max)
        read = mapped(elements_of(body), lambda found: to_event(kind, found))
        return door.take(request, read, sender, NAME, verdict_answer)

    return receive


RECEIVE: Final = {kind: _receiver(kind) for kind in SUMMARIES}
