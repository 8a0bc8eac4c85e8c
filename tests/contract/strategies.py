"""Events as clients could send them, and ways to spoil one: Hypothesis strategies for every event type, for tests of any room."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from hypothesis import strategies as st

from ecompulse.contract.event import (
    ENVELOPE_FIELDS,
    ENVIRONMENTS,
    EVENT_TYPES,
    EVERYWHERE,
    ITEM_FIELDS,
    ITEMS_LIMIT,
    METADATA_FIELDS,
    MONEY_FIELDS,
    PROPERTY_FIELDS,
    SOURCES,
)
from ecompulse.contract.fields import ENVELOPE, PROPERTIES, always_required, one_of_required, own_properties

RECEIVED: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
RECEIVED_US: Final = int(RECEIVED.timestamp()) * 1_000_000
Event = dict[str, Any]

characters = st.characters(exclude_characters="\0", exclude_categories=("Cs",))
texts = st.text(characters, min_size=1, max_size=30)
currencies = st.sampled_from(("EUR", "USD", "JPY", "KWD"))
numbers = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | numbers | st.text(characters, max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(characters, max_size=8), inner, max_size=3),
    max_leaves=8,
)


def amounts(digits: int = 9) -> st.SearchStrategy[Decimal]:
    """Sums of money with at most four decimals."""
    return st.decimals(0, 10**digits - 1, places=4) | st.decimals(0, 10**digits - 1, places=2) | st.integers(0, 10**digits - 1).map(Decimal)


def sent_money(amount: Decimal) -> st.SearchStrategy[Any]:
    """One amount in each form that a client may write it in."""
    forms: list[Any] = [f"{amount:f}", float(amount)]
    if amount == amount.to_integral_value():
        forms.append(int(amount))
    return st.sampled_from(forms)


money = amounts().flatmap(sent_money)


@st.composite
def times(draw: st.DrawFn) -> str:
    """A time that is taken, written with one of the usual zones and precisions."""
    moment = draw(st.datetimes(datetime(2000, 1, 2), datetime(2026, 6, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # the zone is beside it
    zone = draw(st.sampled_from((UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-9, minutes=-30)))))
    text = moment.astimezone(zone).isoformat(timespec=draw(st.sampled_from(("microseconds", "milliseconds", "seconds"))))
    return text.replace("+00:00", "Z") if draw(st.booleans()) else text


def unnamed(names: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Members that the contract does not name."""
    keys = st.text(characters, max_size=10).filter(lambda key: key not in names)
    return st.dictionaries(keys, json_values, max_size=3)


@st.composite
def lines(draw: st.DrawFn) -> dict[str, Any]:
    """A line of a purchase."""
    named = {
        "product_id": draw(texts),
        "quantity": draw(st.integers(1, 1000)),
        "price": draw(amounts(6).flatmap(sent_money)),
        **draw(st.fixed_dictionaries({}, optional={"product_name": texts | st.none(), "product_category": texts})),
    }
    return {**named, **draw(unnamed(ITEM_FIELDS))}


def _named(name: str) -> st.SearchStrategy[Any]:
    field = PROPERTIES[name]
    if name in MONEY_FIELDS:
        return money
    if field.words is not None:
        return currencies
    if field.kind == "items":
        return st.lists(lines(), min_size=1, max_size=4)
    if field.kind == "integer":
        return st.integers(int(field.low or 0), int(field.high or 0))
    if field.kind == "number":
        return st.floats(field.low, field.high) | st.integers(0, 10_000)
    return texts


@st.composite
def properties(draw: st.DrawFn, event_type: str) -> dict[str, Any]:
    """What an event of a type is about: all that it requires, some of what it may carry, and some that nobody named."""
    required = [name for name in always_required(event_type) if name in PROPERTY_FIELDS]
    required += [draw(st.sampled_from(group)) for group in one_of_required(event_type)]
    others = [field.name for field in own_properties(event_type) if field.name not in required]
    optional = {name: _named(name) | st.none() for name in (*others, *EVERYWHERE) if name not in required}
    made: dict[str, Any] = draw(st.fixed_dictionaries({name: _named(name) for name in required}, optional=optional))
    if event_type == "purchase":
        made["total"] = draw(sent_money(_due(made)))
    return {**made, **draw(unnamed(PROPERTY_FIELDS))}


def _due(made: dict[str, Any]) -> Decimal:
    """What a purchase comes to; a discount that would make it negative is taken off the properties."""
    total = sum((decimal(line["price"]) * line["quantity"] for line in made["items"]), Decimal(0))
    for name, sign in (("shipping", 1), ("tax", 1), ("discount", -1)):
        if made.get(name) is not None:
            total += sign * decimal(made[name])
    if total < 0:
        total += decimal(made.pop("discount"))
    return total


def decimal(value: float | str) -> Decimal:
    """A sent sum of money as the contract keeps it."""
    return Decimal(str(value)).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)


@st.composite
def events(draw: st.DrawFn, event_type: str | None = None) -> Event:
    """A valid event; its times lie before `RECEIVED`."""
    kind = event_type or draw(st.sampled_from(tuple(EVENT_TYPES)))
    who = "user_id" if "user_id" in always_required(kind) else draw(st.sampled_from(("user_id", "anonymous_id")))
    other = {name: texts | st.none() for name in ("user_id", "anonymous_id", "session_id") if name != who}
    envelope = draw(
        st.fixed_dictionaries(
            {who: texts},
            optional={
                "event_id": st.uuids().map(str) | st.uuids().map(lambda made: str(made).upper()),
                "timestamp": times(),
                "sent_at": times() | st.none(),
                "source": st.sampled_from(SOURCES),
                **other,
            },
        )
    )
    event: Event = {"event_type": kind, **envelope, **draw(unnamed(ENVELOPE_FIELDS))}
    about = draw(properties(kind))
    if about or draw(st.booleans()):
        event["properties"] = about
    if draw(st.booleans()):
        named = draw(
            st.fixed_dictionaries(
                {}, optional={"sdk_version": texts, "platform": texts, "environment": st.sampled_from((*ENVIRONMENTS, None))}
            )
        )
        event["metadata"] = {**named, **draw(unnamed(METADATA_FIELDS))}
    order = draw(st.permutations(list(event)))
    return {name: event[name] for name in order}


def comparable(event: Event) -> Event:
    """An event with its ways of writing taken off: money exact, times in microseconds, absent for null and for empty objects."""
    plain = {name: value for name, value in event.items() if value is not None or name not in ENVELOPE_FIELDS}
    for name in ("timestamp", "sent_at"):
        if name in plain:
            plain[name] = (datetime.fromisoformat(plain[name]) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    if "event_id" in plain:
        plain["event_id"] = plain["event_id"].lower()
    about = _without_nulls(plain.pop("properties", {}), PROPERTY_FIELDS)
    if "items" in about:
        about["items"] = [_exact(_without_nulls(line, ITEM_FIELDS)) for line in about["items"]]
    how = _without_nulls(plain.pop("metadata", {}), METADATA_FIELDS)
    return {**plain, **({"properties": _exact(about)} if about else {}), **({"metadata": how} if how else {})}


def _without_nulls(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None or name not in names}


def _exact(values: dict[str, Any]) -> dict[str, Any]:
    return {name: decimal(value) if name in MONEY_FIELDS else value for name, value in values.items()}


Spoil = tuple[str, Callable[[Event], None]]
"""The field that a verdict must name, and what spoils it."""


def _set(path: str, value: Any) -> Spoil:
    *parents, last = path.split(".")

    def spoil(event: Event) -> None:
        target: Any = event
        for name in parents:
            target = target[int(name)] if name.isdigit() else target.setdefault(name, {})
        target[int(last) if last.isdigit() else last] = value

    return path, spoil


def spoils(event_type: str) -> list[Spoil]:
    """Every way in which a single field of an event of a type can be wrong."""
    found = [_set("event_type", value) for value in ("nope", "", 7, None)]
    found += [_set("event_id", value) for value in ("", "1; drop table events", "0198c1f2-7a3b-7c4d-8e5f-60718293a4bg", 12, "é" * 36)]
    wrong_times = ("yesterday", "", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", 5)
    found += [_set("timestamp", value) for value in wrong_times]
    found += [_set("sent_at", value) for value in ("yesterday", 5)]
    found += [
        _set("source", "pigeon"),
        _set("metadata.environment", "moon"),
        _set("properties", [1]),
        _set("properties", "x"),
        _set("metadata", 3),
    ]
    for field in ENVELOPE:
        if field.text_limit is not None and field.name not in ("event_type", "source"):
            found += [_set(field.name, value) for value in ("", "x" * (field.text_limit + 1), "a\0b", 5, ["x"])]
    for field in own_properties(event_type):
        found += _property_spoils(field.name)
    for name in always_required(event_type):
        path = name if name == "user_id" else f"properties.{name}"
        found.append(_set(path, None))
        if path != name and PROPERTIES[name].kind == "text":
            found.append(_set(path, ""))
    for group in one_of_required(event_type):
        found.append((f"properties.{group[0]}", lambda event, names=group: [event["properties"].pop(name, None) for name in names]))  # type: ignore[misc]
    if "user_id" not in always_required(event_type):
        found.append(("user_id", lambda event: [event.pop(name, None) for name in ("user_id", "anonymous_id")]))  # type: ignore[arg-type,return-value]
    if event_type == "purchase":
        found += _purchase_spoils()
    return found


def _property_spoils(name: str) -> list[Spoil]:
    field, path = PROPERTIES[name], f"properties.{name}"
    if field.kind == "money":
        return [_set(path, value) for value in (-1, "-0.01", "cheap", True, "NaN", "Infinity", 1e14, "100000000000000", [1], "1_000", "٣")]
    if field.kind in ("integer", "number"):
        wrong: list[Any] = ["1", True, [1], 2**40, -1]
        return [_set(path, value) for value in wrong if not (value == -1 and (field.low or 0) < 0)] + (
            [_set(path, 2.5), _set(path, 2**70)] if field.kind == "integer" else []
        )
    if field.words is not None:
        return [_set(path, value) for value in ("EURO", "XQZ", "eur", "", 5)]
    if field.kind == "items":
        return [_set(path, []), _set(path, {}), _set(path, "x")]
    assert field.text_limit is not None
    return [_set(path, value) for value in ("x" * (field.text_limit + 1), "a\0b", 5, True, {"a": 1})]


def _purchase_spoils() -> list[Spoil]:
    first = "properties.items.0"
    found = [_set(f"{first}.{name}", None) for name in ("product_id", "quantity", "price")]
    found += [_set(f"{first}.product_id", value) for value in ("", "x" * 1025, 5)]
    found += [_set(f"{first}.quantity", value) for value in (0, -1, 2.5, "2", 2**40, True)]
    found += [_set(f"{first}.price", value) for value in (-1, "cheap", True)]
    found += [_set(f"{first}.{name}", value) for name in ("product_name", "product_category") for value in (5, "a\0b", "x" * 1025)]
    found += [_set("properties.items.0", "a mug"), ("properties.total", _off)]
    found.append(("properties.items", lambda event: event["properties"].update(items=event["properties"]["items"][:1] * (ITEMS_LIMIT + 1))))
    return found


def _off(event: Event) -> None:
    about = event["properties"]
    about["total"] = f"{decimal(about['total']) + Decimal('0.0101'):f}"


def body_of(*sent: Event) -> bytes:
    """The events as a client would send them."""
    return json.dumps(sent[0] if len(sent) == 1 else list(sent), ensure_ascii=False).encode()


ascii_names = st.text(string.ascii_lowercase, min_size=1, max_size=8)
