"""What there is to say about each field of an event, gathered once for everything that is derived from the contract."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from ecompulse.contract.currencies import CURRENCIES
from ecompulse.contract.event import (
    ENVIRONMENTS,
    EVENT_TYPES,
    EVERYWHERE,
    ITEMS_LIMIT,
    MONEY_FIELDS,
    PROPERTY_FIELDS,
    SOURCES,
    Event,
    Item,
    Metadata,
    Properties,
    text_limit,
)
from ecompulse.contract.rules import RANGES

VERSION: Final = 1
"""Version of the contract; `compatibility` says when it must become another."""

Kind = Literal["text", "time", "uuid", "money", "integer", "number", "items", "object"]

WORDS: Final[dict[str, tuple[str, ...]]] = {
    "event_type": tuple(EVENT_TYPES),
    "source": SOURCES,
    "environment": ENVIRONMENTS,
    "currency": CURRENCIES,
}
"""Fields that take one of a list of words."""

_TIMES: Final = ("timestamp", "sent_at")
_ENVELOPE_EXAMPLES: Final[dict[str, Any]] = {
    "event_id": "0198c1f2-7a3b-7c4d-8e5f-60718293a4b5",
    "event_type": "product_view",
    "timestamp": "2026-01-31T12:00:00.000Z",
    "user_id": "user-1",
    "session_id": "s-1",
    "source": "web",
}


class Field(Struct, frozen=True):
    """One field: `low` and `high` are bounds of a number or of how many lines, `text_limit` counts characters.

    `required` says whether the struct asks for it; what an event type asks for is in `EVENT_TYPES`.
    """

    name: str
    kind: Kind
    description: str
    example: Any
    required: bool
    words: tuple[str, ...] | None = None
    text_limit: int | None = None
    low: float | None = None
    high: float | None = None


def fields_of(struct: type[Struct]) -> tuple[Field, ...]:
    """The fields of one of the contract's structs, in their order."""
    info = msgspec.inspect.type_info(struct)
    assert isinstance(info, msgspec.inspect.StructType)
    return tuple(_field(field) for field in info.fields)


def _field(field: msgspec.inspect.Field) -> Field:
    about: dict[str, Any] = {}
    if isinstance(field.type, msgspec.inspect.Metadata):
        about = field.type.extra_json_schema or {}
    kind = _kind(field)
    low, high = (0.0, None) if kind == "money" else (1, ITEMS_LIMIT) if kind == "items" else RANGES.get(field.name, (None, None))
    words = WORDS.get(field.name)
    return Field(
        name=field.name,
        kind=kind,
        description=about.get("description", ""),
        example=next(iter(about.get("examples", ())), _ENVELOPE_EXAMPLES.get(field.name)),
        required=field.required,
        words=words,
        text_limit=text_limit(field.name) if kind == "text" and words is None else None,
        low=low,
        high=high,
    )


def _kind(field: msgspec.inspect.Field) -> Kind:
    inner = field.type.type if isinstance(field.type, msgspec.inspect.Metadata) else field.type
    kinds = inner.types if isinstance(inner, msgspec.inspect.UnionType) else (inner,)
    if field.name in MONEY_FIELDS:
        return "money"
    if field.name in _TIMES:
        return "time"
    if field.name == "event_id":
        return "uuid"
    for kind in kinds:
        match kind:
            case msgspec.inspect.VarTupleType():
                return "items"
            case msgspec.inspect.StructType():
                return "object"
            case msgspec.inspect.FloatType():
                return "number"
            case msgspec.inspect.IntType():
                return "integer"
    return "text"


ENVELOPE: Final = fields_of(Event)
PROPERTIES: Final = {field.name: field for field in fields_of(Properties)}
METADATA: Final = fields_of(Metadata)
ITEM: Final = fields_of(Item)


def own_properties(event_type: str) -> tuple[Field, ...]:
    """The properties that an event type names itself: those it must carry, then those it may."""
    declared = EVENT_TYPES[event_type]
    names = [name for group in declared.required for name in group] + list(declared.optional)
    return tuple(PROPERTIES[name] for name in names if name in PROPERTY_FIELDS)


def everywhere() -> tuple[Field, ...]:
    """The properties that every event may carry."""
    return tuple(PROPERTIES[name] for name in EVERYWHERE)


def always_required(event_type: str) -> tuple[str, ...]:
    """Names of which an event type asks for each one."""
    return tuple(group[0] for group in EVENT_TYPES[event_type].required if len(group) == 1)


def one_of_required(event_type: str) -> tuple[tuple[str, ...], ...]:
    """Groups of names of which an event type asks for at least one."""
    return tuple(group for group in EVENT_TYPES[event_type].required if len(group) > 1)


def example(event_type: str) -> dict[str, Any]:
    """A full event of a type, as a client could send it."""
    return {
        **_ENVELOPE_EXAMPLES,
        "event_type": event_type,
        "properties": dict(EVENT_TYPES[event_type].example),
        "metadata": {field.name: field.example for field in METADATA},
    }
