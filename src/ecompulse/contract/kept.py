"""One event out of a decoded JSON object: what the contract names by its types, all else as JSON; or what of it is wrong."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from msgspec import Struct

from ecompulse.contract.event import (
    ENVELOPE_FIELDS,
    INTEGER_FIELDS,
    ITEM_FIELDS,
    METADATA_FIELDS,
    NESTING_LIMIT,
    PROPERTY_FIELDS,
    REST_LIMIT,
    KeptEvent,
)

_encode = msgspec.json.Encoder(order="deterministic").encode
ENVELOPE, PROPERTY, METADATA, ITEM = map(frozenset, (ENVELOPE_FIELDS, PROPERTY_FIELDS, METADATA_FIELDS, ITEM_FIELDS))
TOO_DEEP: Final = f"nested more than {NESTING_LIMIT} levels"
_PATH: Final = re.compile(r" - at `\$([^`]*)`$")
_MISSING: Final = re.compile(r"^Object missing required field `([^`]+)`")


class Wrong(Exception):
    """Which field of an event is wrong, and why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.reason = field, reason


def kept_event(found: Any, walked: bool) -> KeptEvent:
    """An event from a decoded object: what the contract names, typed; all else as JSON. `walked`: it has no NUL and is not deep."""
    if not isinstance(found, dict):
        raise Wrong("", "an event is a JSON object")
    nul = None if walked else _path_of_nul(found, 0)
    if nul is not None:
        raise Wrong(nul, "contains a NUL character")
    named, rest = _divide(found, ENVELOPE)
    kept: dict[str, Any] = {"rest_envelope": rest_json(rest, "")}
    for name, fields in (("properties", PROPERTY), ("metadata", METADATA)):
        value = named.get(name)
        if isinstance(value, dict):
            named[name], rest = _divide(value, fields)
            kept[f"rest_{name}"] = rest_json(rest, name)
    properties = named.get("properties")
    if isinstance(properties, dict):
        properties = named["properties"] = _whole(properties)
    items = properties.get("items") if isinstance(properties, dict) else None
    if isinstance(items, list):
        divided = [_divide(item, ITEM) if isinstance(item, dict) else (item, None) for item in items]
        named["properties"] = {**named["properties"], "items": [_whole(item) for item, _ in divided]}
        kept["rest_items"] = tuple(rest_json(rest, f"properties.items.{index}") for index, (_, rest) in enumerate(divided))
    try:
        return msgspec.convert({**named, **kept}, KeptEvent)
    except msgspec.ValidationError as error:
        raise named_wrong(str(error)) from None


def _divide(found: dict[str, Any], names: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    if names.issuperset(found):
        return found, None
    rest = {name: value for name, value in found.items() if name not in names}
    return {name: value for name, value in found.items() if name in names}, rest


def _whole(values: Any) -> Any:
    """Integers that were written as 2.0, as some languages do, are integers; 2.5 is left to be refused."""
    if not isinstance(values, dict):
        return values
    written = {name: value for name in INTEGER_FIELDS if isinstance(value := values.get(name), float) and value.is_integer()}
    return {**values, **{name: int(value) for name, value in written.items()}} if written else values


def rest_json(rest: dict[str, Any] | Struct | None, where: str) -> str | None:
    """What the contract does not name of the object at `where`, as JSON; `Wrong` where that is more than is kept."""
    if rest is None:
        return None
    text = _encode(rest)
    if len(text) > REST_LIMIT:
        raise Wrong(where, f"{len(text)} bytes of properties that the contract does not name: at most {REST_LIMIT}")
    return text.decode()


def may_nest_too_deeply(event: bytes) -> bool:
    """Whether the JSON of an event may hold more levels than are kept: a look at its bytes, for half of the time that a walk takes."""
    return event.count(b"{") + event.count(b"[") > NESTING_LIMIT


def _path_of_nul(value: Any, depth: int, path: str = "") -> str | None:
    """The path of the first text with a NUL (no database keeps it), or of what is nested too deeply."""
    if isinstance(value, str):
        return path if "\0" in value else None
    if isinstance(value, dict | list):
        if depth > NESTING_LIMIT:
            raise Wrong(path, TOO_DEEP)
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            found = path if isinstance(key, str) and "\0" in key else _path_of_nul(inner, depth + 1, f"{path}.{key}" if path else str(key))
            if found is not None:
                return found
    return None


def named_wrong(message: str) -> Wrong:
    """msgspec's sentence as a field path and a reason."""
    at = _PATH.search(message)
    path = re.sub(r"\[(\d+)\]", r".\1", at.group(1)).lstrip(".") if at else ""
    reason = message[: at.start()] if at else message
    missing = _MISSING.match(reason)
    if missing:
        path, reason = f"{path}.{missing.group(1)}" if path else missing.group(1), "is required"
    return Wrong(path, reason.replace("Expected", "expected", 1))


def has_unnamed(found: dict[str, Any]) -> bool:
    """Whether an event holds a name that the contract does not know."""
    about, how = found.get("properties") or {}, found.get("metadata") or {}
    named = found.keys() <= ENVELOPE and about.keys() <= PROPERTY and how.keys() <= METADATA
    return not named or any(not line.keys() <= ITEM for line in about.get("items") or ())
