"""The contract as JSON Schema (2020-12): one document, with a definition for each event type.

A document says what types and required fields can say. What depends on several fields (a purchase adds up, a time is not ahead of its
receipt) is checked by `rules` alone; the document is never stricter than the contract.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ecompulse.contract.event import EVENT_TYPES
from ecompulse.contract.fields import (
    ENVELOPE,
    ITEM,
    METADATA,
    PROPERTIES,
    VERSION,
    Field,
    always_required,
    everywhere,
    example,
    one_of_required,
    own_properties,
)

MONEY_PATTERN: Final = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_TYPES: Final = {"text": "string", "time": "string", "uuid": "string", "integer": "integer", "number": "number"}


def json_schema(event_type: str | None = None) -> dict[str, Any]:
    """The document for all event types, or one that takes only `event_type`.

    Raises:
        KeyError: there is no such event type.
    """
    kinds = tuple(EVENT_TYPES) if event_type is None else (event_type,)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:ecompulse:event:{VERSION}" if event_type is None else f"urn:ecompulse:event:{VERSION}:{event_type}",
        "title": "ecompulse event" if event_type is None else f"ecompulse event {event_type}",
        "oneOf": [{"$ref": f"#/$defs/{kind}"} for kind in kinds],
        "$defs": {
            **{kind: _event(kind) for kind in kinds},
            "properties": _object("What an event is about; names that are not listed are kept as they are.", PROPERTIES.values()),
            "metadata": _object("How an event was sent; names that are not listed are kept as they are.", METADATA),
            "item": _object("A line of a purchase; names that are not listed are kept as they are.", ITEM),
        },
    }


def _event(event_type: str) -> dict[str, Any]:
    required = always_required(event_type)
    envelope = [name for name in required if name not in PROPERTIES]
    inside = [name for name in required if name in PROPERTIES]
    own = {field.name: _value(field, nullable=field.name not in inside) for field in own_properties(event_type)}
    for name in inside:
        own[name] = _not_empty(own[name])
    about: dict[str, Any] = {
        "$ref": "#/$defs/properties",
        "properties": {**own, **{field.name: _value(field, nullable=True) for field in everywhere() if field.name not in own}},
    }
    if inside:
        about["required"] = inside
    groups = one_of_required(event_type)
    if groups:
        about["allOf"] = [{"anyOf": [_given(name) for name in group]} for group in groups]
    asks_properties = bool(inside or groups)
    who = [_given(name) for name in (envelope or ("user_id", "anonymous_id"))]
    return {
        "type": "object",
        "description": EVENT_TYPES[event_type].description,
        "required": ["event_type", *(["properties"] if asks_properties else [])],
        "properties": {
            **{field.name: _not_empty(_value(field, nullable=True)) for field in ENVELOPE if field.kind != "object"},
            "event_type": {"const": event_type, "description": EVENT_TYPES[event_type].description},
            "properties": about if asks_properties else {"anyOf": [about, {"type": "null"}]},
            "metadata": {"anyOf": [{"$ref": "#/$defs/metadata"}, {"type": "null"}]},
        },
        "anyOf": who,
        "examples": [example(event_type)],
    }


def _given(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"type": "string", "minLength": 1}}}


def _not_empty(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "minLength": 1} if schema.get("type") in ("string", ["string", "null"]) else schema


def _object(description: str, fields: Iterable[Field]) -> dict[str, Any]:
    known = list(fields)
    required = [field.name for field in known if field.required]
    values = {field.name: _not_empty(_value(field, nullable=False)) if field.required else _value(field, nullable=True) for field in known}
    return {"type": "object", "description": description, **({"required": required} if required else {}), "properties": values}


def _value(field: Field, *, nullable: bool) -> dict[str, Any]:
    about: dict[str, Any] = {"description": field.description}
    if field.example is not None:
        about["examples"] = [field.example]
    null = ["null"] if nullable else []
    if field.kind == "money":
        kinds: list[dict[str, Any]] = [
            {"type": "number", "minimum": 0, "exclusiveMaximum": 10**14},
            {"type": "string", "pattern": MONEY_PATTERN},
        ]
        return {**about, "anyOf": [*kinds, *({"type": kind} for kind in null)]}
    if field.kind == "items":
        array = {"type": "array", "items": {"$ref": "#/$defs/item"}, "minItems": field.low, "maxItems": field.high}
        return {**about, **array, "type": ["array", "null"] if nullable else "array"}
    if field.words is not None:
        return {**about, "enum": [*field.words, *([None] if nullable else [])]}
    schema: dict[str, Any] = {**about, "type": [_TYPES[field.kind], *null] if nullable else _TYPES[field.kind]}
    if field.kind == "uuid":
        schema["format"] = "uuid"
        schema["pattern"] = "^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$"
    elif field.kind == "time":
        schema["format"] = "date-time"
    if field.text_limit is not None:
        schema["maxLength"] = field.text_limit
    if field.low is not None:
        schema["minimum"] = field.low
    if field.high is not None:
        schema["maximum"] = field.high
    return schema
