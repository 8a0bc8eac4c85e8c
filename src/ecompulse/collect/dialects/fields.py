"""Values of other dialects as the contract's fields want them: texts, whole numbers, times, ids; and what does not fit, kept aside."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from ecompulse.collect.dialects.document import Found
from ecompulse.contract.currencies import CURRENCIES
from ecompulse.contract.event import EVENT_TYPES, INTEGER_FIELDS, MONEY_FIELDS, PROPERTY_FIELDS, text_limit
from ecompulse.contract.money import scaled_money

NAMESPACE: Final = uuid.UUID("6d8a3d1e-3f5c-5b0e-9a55-1f0f6f8a4c11")
"""Of the name-based ids (RFC 9562, 5.5) that stand for a dialect's own message ids."""
RANGES: Final = {"quantity": (1, 1_000_000), "results_count": (0, 2**31 - 1), "status_code": (100, 599)}
_WITHOUT_ZONE: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CURRENCIES: Final = frozenset(CURRENCIES)
_TEXT_LIMITS: Final = {
    name: text_limit(name) for name in PROPERTY_FIELDS if name not in {*MONEY_FIELDS, *INTEGER_FIELDS, "items", "duration_ms", "currency"}
}
_FOREIGN: Final = {
    name: frozenset(PROPERTY_FIELDS).difference(*declared.required, declared.optional) for name, declared in EVENT_TYPES.items()
}
"""Event type → the contract's properties that are not its own."""


def text(value: Any) -> Any:
    """A number as text, as ids are often sent; all else as it is."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return value
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def whole(value: Any) -> Any:
    """A whole number out of `2.0` or `"2"`; all else as it is."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, str) and value.isascii() and value.lstrip("+-").isdigit() and len(value) < 20:
        return int(value)
    return value


def time(value: Any) -> Any:
    """An ISO 8601 time with zone out of one without (UTC is meant), or out of seconds or milliseconds since 1970; all else as it is."""
    if isinstance(value, str):
        if value.isascii() and value.isdigit() and len(value) < 17:
            return time(int(value))
        return f"{value}Z" if _WITHOUT_ZONE.fullmatch(value) else value
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e16:
        seconds = value / 1_000 if value >= 1e11 else value  # 1e11 seconds is the year 5138
        try:
            return datetime.fromtimestamp(seconds, UTC).isoformat()
        except (ValueError, OverflowError):
            return value
    return value


def event_id(site: str, given: Any) -> str | None:
    """A UUID as it is; another id as the same UUID each time it comes for this site, so that a retry is a duplicate."""
    if not isinstance(given, str) or not given:
        return None
    if _UUID.fullmatch(given):
        return given
    if len(given) == 36:
        try:
            return str(uuid.UUID(given))
        except ValueError:
            pass  # as long as a UUID, but none
    return str(uuid.uuid5(NAMESPACE, f"{site}\n{given}".encode("utf-8", "surrogatepass").hex()))


def fits(name: str, value: Any) -> bool:
    """Whether `value` can stand in the contract's property `name` of any event."""
    limit = _TEXT_LIMITS.get(name)
    if limit is not None:
        return isinstance(value, str) and len(value) <= limit and "\0" not in value
    if name == "items" or isinstance(value, bool | list | dict):
        return False
    if name in MONEY_FIELDS:
        scaled = scaled_money(value) if isinstance(value, int | float | str) else None
        return scaled is not None and scaled >= 0
    if name in INTEGER_FIELDS:
        low, high = RANGES[name]
        return isinstance(value, int) and low <= value <= high
    if name == "duration_ms":
        return isinstance(value, int | float) and 0 <= value <= 86_400_000
    return value in _CURRENCIES


def settled(event_type: str, properties: Found, aside: str) -> Found:
    """Properties that the contract can take for an event of a foreign dialect.

    Those of its event type stay as they are (if they are wrong, the event is). Others that only share a name with the contract's, and do
    not fit there, are kept under the name `aside`.
    """
    foreign = _FOREIGN[event_type]
    kept: Found = {}
    odd: Found = {}
    for name, value in properties.items():
        if value is not None:
            (odd if name in foreign and not fits(name, value) else kept)[name] = value
    return {**kept, aside: odd} if odd else kept


def renamed(found: Found, names: dict[str, str]) -> Found:
    """A copy with some keys under the contract's names. Of several for one name the first is taken; the others stay under their own."""
    out = dict(found)
    for old, new in names.items():
        if out.get(old) is not None and out.get(new) is None:
            out[new] = out.pop(old)
    return out


def coerced(found: Found) -> Found:
    """Ids as text and whole numbers as such, wherever the contract names them."""
    for name in _TEXT_IDS:
        if name in found:
            found[name] = text(found[name])
    for name in INTEGER_FIELDS:
        if name in found:
            found[name] = whole(found[name])
    return found


def due(order: Found) -> str | None:
    """What the contract expects as total of these parts (items − discount + shipping + tax); None where a part is no amount."""
    parts = [(line.get("price"), line.get("quantity")) if isinstance(line, dict) else (None, None) for line in order["items"]]
    parts += [(order.get("shipping") or 0, 1), (order.get("tax") or 0, 1), (order.get("discount") or 0, -1)]
    total = 0
    for price, quantity in parts:
        scaled = scaled_money(price) if isinstance(price, int | float | str) and not isinstance(price, bool) else None
        if scaled is None or not isinstance(quantity, int):
            return None
        total += scaled * quantity
    return str(Decimal(total).scaleb(-4))


def first(found: Found, names: Iterable[str]) -> Any:
    """The first value there is under one of `names`."""
    for name in names:
        value = found.get(name)
        if value is not None:
            return value
    return None


_TEXT_IDS: Final = ("product_id", "order_id", "cart_id", "coupon", "product_name", "product_category", "query")
