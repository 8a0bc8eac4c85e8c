"""The contract as TypeScript types: a union of events that tells them apart by `event_type`, with a comment at each field."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from ecompulse.contract.event import EVENT_TYPES
from ecompulse.contract.fields import (
    ENVELOPE,
    ITEM,
    METADATA,
    VERSION,
    Field,
    always_required,
    everywhere,
    one_of_required,
    own_properties,
)

_HEAD: Final = """/** A decimal number: `19.99` or `"19.99"`; at most 14 digits before the point, rounded half-even to 4 after it. */
export type Money = number | string;

/** Anything that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json | undefined };
"""
_TYPES: Final = {
    "text": "string",
    "uuid": "string",
    "time": "string",
    "money": "Money",
    "integer": "number",
    "number": "number",
    "items": "readonly Item[]",
}
_WORD_TYPES: Final = {"source": "Source", "environment": "Environment", "currency": "Currency", "event_type": "EventType"}


def typescript() -> str:
    """The text of a module without imports. TypeScript 4.7 or later."""
    words = {field.name: field.words for field in (*ENVELOPE, *METADATA, *own_properties("product_view")) if field.words}
    unions = [f"export type {_WORD_TYPES[name]} =\n{_union(values)};\n" for name, values in words.items()]
    envelope = [field for field in ENVELOPE if field.kind != "object" and field.name not in ("event_type", "user_id", "anonymous_id")]
    parts = [
        f"// Made by `ecompulse schema export typescript` from version {VERSION} of the contract. Do not edit.\n",
        _HEAD,
        *unions,
        _interface("Item", "A line of a purchase.", ITEM, [field.name for field in ITEM if field.required]),
        _interface("Metadata", "How an event was sent.", METADATA, []),
        _interface("EveryProperties", "What every event may carry.", everywhere(), []),
        _interface("Envelope", "What is around every event.", envelope, [], "  readonly metadata?: Metadata | null;\n"),
        _WHO,
        *(_event(event_type) for event_type in EVENT_TYPES),
        _SHOP_EVENT.replace("EVENTS", "\n".join(f"  | {_pascal(event_type)}Event" for event_type in EVENT_TYPES)),
    ]
    return "\n".join(parts)


_SHOP_EVENT: Final = """/** One thing that happened in a shop. */
export type ShopEvent =
EVENTS;

/** What an event of a type is about. */
export type PropertiesOf<T extends EventType> = Extract<ShopEvent, { readonly event_type: T }>["properties"];
"""

_WHO: Final = """/** Who did it: one of the two, or both. */
export type Who =
  | { /** The known shopper. */ readonly user_id: string; /** The device or browser beside that. */ readonly anonymous_id?: string | null }
  | { /** The known shopper. */ readonly user_id?: string | null; /** The device or browser before it. */ readonly anonymous_id: string };
"""


def _event(event_type: str) -> str:
    declared, name, required = EVENT_TYPES[event_type], _pascal(event_type), always_required(event_type)
    own = own_properties(event_type)
    names = {field.name for field in own}
    groups = one_of_required(event_type)
    alternatives = [" & (" + " | ".join(f"{{ readonly {field}: string }}" for field in group) + ")" for group in groups]
    properties = _interface(f"{name}Properties", f"What a `{event_type}` is about.", own, required, extends="EveryProperties")
    optional = "" if groups or any(field in names for field in required) else "?"
    who = " & { readonly user_id: string }" if "user_id" in required else ""
    return (
        f"{properties}\n/** {declared.description} */\nexport type {name}Event = Envelope & Who{who} & {{\n"
        f"  readonly event_type: {json.dumps(event_type)};\n"
        f"  readonly properties{optional}: {name}Properties{''.join(alternatives)};\n}};\n"
    )


def _interface(name: str, description: str, fields: Iterable[Field], required: Iterable[str], tail: str = "", *, extends: str = "") -> str:
    must = frozenset(required)
    lines = [
        f"  /** {field.description}{_limit(field)} */\n  readonly {field.name}{'' if field.name in must else '?'}: "
        f"{_WORD_TYPES.get(field.name) or _TYPES[field.kind]}{'' if field.name in must else ' | null'};\n"
        for field in fields
    ]
    open_ended = "" if name == "Envelope" else "  readonly [name: string]: Json | undefined;\n"
    head = f"/** {description} */\nexport interface {name}{' extends ' + extends if extends else ''} {{\n"
    return f"{head}{''.join(lines)}{tail}{open_ended}}}\n"


def _limit(field: Field) -> str:
    return f" At most {field.text_limit:,} characters." if field.text_limit else ""


def _union(words: Iterable[str], width: int = 120) -> str:
    lines, line = [], " "
    for word in words:
        part = f" | {json.dumps(word)}"
        if len(line) + len(part) > width:
            lines.append(line)
            line = " "
        line += part
    return "\n".join([*lines, line])


def _pascal(event_type: str) -> str:
    return "".join(word.capitalize() for word in event_type.split("_"))
