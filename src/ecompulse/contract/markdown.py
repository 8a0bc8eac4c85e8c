"""The contract as a page to read: docs/reference/schema.md, made by `python -m ecompulse.contract.markdown > docs/reference/schema.md`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

from ecompulse.contract.columns import STORED
from ecompulse.contract.ddl import duckdb_type
from ecompulse.contract.event import EVENT_TYPES, LONG_TEXT_LIMIT, NESTING_LIMIT, REST_LIMIT, STACK_LIMIT, TEXT_LIMIT
from ecompulse.contract.fields import (
    ENVELOPE,
    ITEM,
    METADATA,
    VERSION,
    Field,
    always_required,
    everywhere,
    example,
    one_of_required,
    own_properties,
)
from ecompulse.contract.notes import COLUMN_NOTES

_INTRODUCTION = """# Events

Version {version} of the contract. This page is made from the declaration in `ecompulse.contract`; `ecompulse schema show` prints the same.

An event is a JSON object: an envelope that says who, when and where from, `properties` that say what, and `metadata` that say how it was
sent.
The smallest one is `{{"event_type": "custom", "user_id": "user-1", "properties": {{"name": "hello"}}}}`.

- **Filled**: a missing `event_id` becomes a UUIDv7, a missing `timestamp` the time of receipt; the column `filled` says so.
- **Who**: one of `user_id` and `anonymous_id` is required. A text that is required may not be empty.
- **Absent or null** is the same.
- **Other names** are kept as JSON, never dropped: up to {rest:,} bytes of each of envelope, properties, metadata and a purchase's line,
  nested at most {nesting} levels.
- **Money** is a JSON number or a decimal string, kept as decimal(18, 4), rounded half-even. A number is exact up to 15 significant digits;
  send more as a string.
- **Time** is ISO 8601 with a zone, kept in UTC microseconds; from the year 2000 to a day ahead of receipt.
- **Text** has at most {text:,} characters; addresses, titles, messages and the like {long_text:,}; a stack {stack:,}. No text may hold a
  NUL character.
"""


def schema_page() -> str:
    """The whole page."""
    parts = [
        _INTRODUCTION.format(
            version=VERSION, rest=REST_LIMIT, nesting=NESTING_LIMIT, text=TEXT_LIMIT, long_text=LONG_TEXT_LIMIT, stack=STACK_LIMIT
        ),
        _contents(),
        "## Envelope\n\n" + _table(ENVELOPE, ("event_type",)),
        "## Metadata\n\n" + _table(METADATA, ()),
        "## Properties of every event\n\n" + _table(everywhere(), ()),
        "## Event types\n",
        *(event_type_section(event_type) for event_type in EVENT_TYPES),
        "## Lines of a purchase\n\n" + _table(ITEM, [field.name for field in ITEM if field.required]),
        _columns(),
    ]
    return "\n".join(parts)


def event_type_section(event_type: str) -> str:
    """The section of one event type.

    Raises:
        KeyError: there is no such event type.
    """
    declared = EVENT_TYPES[event_type]
    lines = [f"### {event_type}\n", f"{declared.description}\n"]
    own = own_properties(event_type)
    required = always_required(event_type)
    if own:
        lines.append(_table(own, required, tuple(name for group in one_of_required(event_type) for name in group)))
    lines.extend(f"One of {' and '.join(f'`{name}`' for name in group)} is required.\n" for group in one_of_required(event_type))
    lines.extend(f"`{name}` of the envelope is required.\n" for name in required if name not in {field.name for field in own})
    if event_type == "purchase":
        lines.append("It must add up: items − discount + shipping + tax = total, within a cent.\n")
    lines.append(f"```json\n{json.dumps(example(event_type), indent=2, ensure_ascii=False)}\n```\n")
    return "\n".join(lines)


def _contents() -> str:
    rows = "\n".join(f"| [`{name}`](#{name}) | {declared.description} |" for name, declared in EVENT_TYPES.items())
    return f"| event type | when |\n|---|---|\n{rows}\n"


def _table(fields: Iterable[Field], required: Iterable[str], alternatives: Iterable[str] = ()) -> str:
    must, either = frozenset(required), frozenset(alternatives)
    rows = [
        f"| `{field.name}` | {_kind(field)} | {'yes' if field.name in must else 'one of' if field.name in either else ''} "
        f"| {field.description} | {_example(field)} |"
        for field in fields
    ]
    return "\n".join(["| name | type | required | meaning | example |", "|---|---|---|---|---|", *rows]) + "\n"


def _kind(field: Field) -> str:
    if field.kind == "items":
        return f"array of [lines](#lines-of-a-purchase), {field.low:g} to {field.high:g}"
    if field.name == "currency":
        return "ISO 4217 code"
    if field.words is not None:
        return "one of " + ", ".join(f"`{word}`" for word in field.words)
    if field.low is not None and field.high is not None:
        return f"{field.kind}, {field.low:,.0f} to {field.high:,.0f}"
    if field.text_limit is not None:
        return f"text, {field.text_limit:,}"
    return {"money": "money, 0 or more", "uuid": "UUID"}.get(field.kind, field.kind)


def _example(field: Field) -> str:
    return "" if field.example is None else f"`{json.dumps(field.example, ensure_ascii=False)}`"


def _columns() -> str:
    rows = [
        f"| `{field.name}` | {_short(duckdb_type(field))} | {'' if field.nullable else 'never null'} | {COLUMN_NOTES[field.name]} |"
        for field in STORED
    ]
    return "\n".join(["## Table `events`\n", "One row an event.\n", "| column | type | | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _short(kind: str) -> str:
    return "struct(…)[]" if kind.startswith("struct") else kind


if __name__ == "__main__":
    sys.stdout.write(schema_page())
