"""Snowplow's tracker protocol: `POST /com.snowplowanalytics.snowplow/tp2`, and its GET form at the pixel."""

from __future__ import annotations

import base64
from typing import Any, Final

import msgspec

from ecompulse.collect.answer import Answer, Request, Verdict
from ecompulse.collect.body import json_body
from ecompulse.collect.commit import Intake
from ecompulse.collect.dialects.document import Found, Unmapped, elements_at, mapped
from ecompulse.collect.dialects.fields import coerced, due, event_id, renamed, settled, time
from ecompulse.collect.door import Door
from ecompulse.contract.event import text_limit
from ecompulse.contract.names import TWICE, twice

NAME: Final = "snowplow"
PATH: Final = "/com.snowplowanalytics.snowplow/tp2"
OK: Final = Answer(200, b"ok", "text/plain; charset=utf-8")
PLATFORMS: Final = {"web": "web", "mob": "mobile", "srv": "server"}
"""`p` → source."""
KINDS: Final = {"pp": "page_ping", "tr": "transaction", "ti": "transaction_item"}
"""`e` of events that become custom events of this name."""
ACTIONS: Final = {
    "product_view": "product_view", "add_to_cart": "add_to_cart", "remove_from_cart": "remove_from_cart", "transaction": "purchase",
}  # fmt: skip
"""`type` of a snowplow_ecommerce_action → event type."""
EVERYWHERE: Final = {"url": "page_url", "page": "page_title", "refr": "referrer", "ua": "user_agent", "ip": "ip_address"}
PRODUCT: Final = {"id": "product_id", "name": "product_name", "category": "product_category"}
TRANSACTION: Final = {"transaction_id": "order_id", "coupon_code": "coupon", "discount_amount": "discount"}
PLACED: Final = frozenset({"e", "eid", "uid", "duid", "sid", "dtm", "ttm", "stm", "p", "tv", "ue_pr", "ue_px", "co", "cx", *EVERYWHERE})


_anything = msgspec.json.Decoder()


def answer(_verdict: Verdict) -> Answer:
    """The collector's `ok`: a tracker sends again what is answered otherwise."""
    return OK


def receive(request: Request, door: Door) -> Answer | Intake:
    """Take a tracker's payload."""
    sender = door.admit(request)
    body, _ = json_body(request, door.config.body_max)
    _, events = elements_at(body, "data")
    return door.take(request, mapped(events, lambda found: to_event(found, sender.site)), sender, NAME, answer)


def to_event(found: Found, site: str) -> Found:
    """The canonical envelope of one tracked event; its parameters are texts.

    Raises:
        Unmapped: it does not say what kind of event it is.
    """
    kind = found.get("e")
    if not isinstance(kind, str) or not kind:
        raise Unmapped("e", "is required: the kind of event")
    everywhere = {ours: found[theirs] for theirs, ours in EVERYWHERE.items() if isinstance(found.get(theirs), str) and found[theirs]}
    rest = {name: value for name, value in found.items() if name not in PLACED}
    entities = _entities(found)
    event_type, properties = _kind(kind, found, entities)
    if event_type == "page_view" and "page_url" not in everywhere:
        event_type, properties = "custom", {"name": "page_view"}
    version = found.get("tv")
    return {
        "event_type": event_type,
        "event_id": event_id(site, found.get("eid")),
        "timestamp": time(found.get("ttm") or found.get("dtm")),
        "sent_at": time(found.get("stm")),
        "user_id": found.get("uid") or None,
        "anonymous_id": found.get("duid") or None,
        "session_id": found.get("sid") or None,
        "source": PLATFORMS.get(str(found.get("p"))),
        "properties": settled(event_type, {**everywhere, **properties, **({"snowplow_entities": entities} if entities else {})}, NAME),
        "metadata": {**({"sdk_version": version} if isinstance(version, str) else {}), **({"parameters": rest} if rest else {})},
    }


def _kind(kind: str, found: Found, entities: list[Found]) -> tuple[str, Found]:
    if kind == "pv":
        return "page_view", {}
    if kind == "se":
        name = found.get("se_ac")
        return _custom(name if isinstance(name, str) and name else "structured", {})
    if kind != "ue":
        return _custom(KINDS.get(kind, kind), {})
    inner = _object(_object(_json(found, "ue_pr", "ue_px")).get("data"))
    data, name = dict(_object(inner.get("data"))), _name(inner)
    event_type = ACTIONS.get(str(data.get("type"))) if name == "snowplow_ecommerce_action" else None
    if event_type is None:
        return _custom(name or "self_describing", data)
    products = [coerced(renamed(_object(entity.get("data")), PRODUCT)) for entity in entities if _name(entity) == "product"]
    if event_type == "purchase":
        return event_type, _purchase(entities, products)
    return event_type, products[0] if products else {}


def _purchase(entities: list[Found], products: list[Found]) -> Found:
    told = next((_object(entity.get("data")) for entity in entities if _name(entity) == "transaction"), {})
    order = coerced(renamed(told, TRANSACTION))
    order["items"] = [{"quantity": 1, **product} for product in products]
    order["total"] = due(order)
    return order


def _custom(name: str, data: Found) -> tuple[str, Found]:
    if "name" in data:
        data["original_name"] = data.pop("name")
    return "custom", {**coerced(data), "name": name[: text_limit("name")]}


def _entities(found: Found) -> list[Found]:
    data = _object(_json(found, "co", "cx")).get("data")
    return [entity for entity in data if isinstance(entity, dict)] if isinstance(data, list) else []


def _name(described: Found) -> str:
    """`product` out of `iglu:com.example/product/jsonschema/1-0-0`."""
    parts = str(described.get("schema", "")).split("/")
    return parts[1] if len(parts) == 4 else ""


def _object(value: Any) -> Found:
    return value if isinstance(value, dict) else {}


def _json(found: Found, plain: str, packed: str) -> Any:
    """A JSON document inside a parameter, plain or as URL-safe base64."""
    text = found.get(plain) or found.get(packed)
    if not isinstance(text, str):
        return None
    name = plain if found.get(plain) else packed
    try:
        document = text.encode() if name == plain else base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        value = _anything.decode(document)
    except (ValueError, RecursionError):
        raise Unmapped(name, "is no JSON" if name == plain else "is no base64 of JSON") from None
    path = twice(document, value)
    if path is not None:
        raise Unmapped(name, f"{path} {TWICE}")
    return value
