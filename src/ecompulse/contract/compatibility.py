"""Whether the contract keeps what it promised: a description of all that readers and writers rely on, and what a change of it would break.

A released version's description is frozen in `released/<version>.json`. A change that breaks none of them may be made within the version;
`python -m ecompulse.contract.compatibility` prints the description to freeze when there has to be a new one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any, Final

import msgspec

from ecompulse.contract.columns import STORED
from ecompulse.contract.event import EVENT_TYPES, ITEMS_LIMIT, NESTING_LIMIT, REST_LIMIT
from ecompulse.contract.fields import ENVELOPE, ITEM, METADATA, PROPERTIES, VERSION, Field
from ecompulse.contract.rules import AHEAD_US, CENT, EARLIEST_US

Description = dict[str, Any]
_STRUCTS: Final = ("envelope", "properties", "metadata", "item")


def describe() -> Description:
    """What a reader or a writer of the present contract relies on, as JSON values."""
    return {
        "version": VERSION,
        "event_types": {name: {"required": [list(group) for group in kind.required]} for name, kind in EVENT_TYPES.items()},
        "envelope": _described(ENVELOPE),
        "properties": _described(tuple(PROPERTIES.values())),
        "metadata": _described(METADATA),
        "item": _described(ITEM),
        "columns": {field.name: {"type": str(field.type), "nullable": field.nullable} for field in STORED},
        "limits": {
            "rest_bytes": REST_LIMIT,
            "nesting": NESTING_LIMIT,
            "items": ITEMS_LIMIT,
            "ahead_us": AHEAD_US,
            "total_off_by": CENT,
            "before_1970_us": -EARLIEST_US,
        },
    }


def _described(fields: Sequence[Field]) -> Description:
    said = {}
    for field in fields:
        limits = {"words": list(field.words) if field.words else None, "text_limit": field.text_limit, "low": field.low, "high": field.high}
        given = {name: value for name, value in limits.items() if value is not None}
        said[field.name] = {"kind": field.kind, "required": field.required, **given}
    return said


def released() -> dict[int, Description]:
    """The descriptions of all released versions."""
    folder = resources.files("ecompulse.contract") / "released"
    found = [msgspec.json.decode(file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".json")]
    return {description["version"]: description for description in sorted(found, key=lambda description: description["version"])}


def breaks(before: Description, now: Description) -> list[str]:
    """Each change that would break a reader or a writer of a released version; empty where there is none.

    Additions break nobody: optional fields, event types, columns, words, and limits that are wider. (A reader must expect new words.)
    """
    return [*_reader_breaks(before["columns"], now["columns"]), *_writer_breaks(before, now)]


def _reader_breaks(before: Description, now: Description) -> Iterator[str]:
    for name, column in before.items():
        if name not in now:
            yield f"readers: the column {name} is gone"
        elif now[name]["type"] != column["type"]:
            yield f"readers: the column {name} was {column['type']} and is {now[name]['type']}"
        elif now[name]["nullable"] and not column["nullable"]:
            yield f"readers: the column {name} was never null and may be now"


def _writer_breaks(before: Description, now: Description) -> Iterator[str]:
    for name, kind in before["event_types"].items():
        if name not in now["event_types"]:
            yield f"writers: the event type {name} is gone"
            continue
        for group in now["event_types"][name]["required"]:
            if not any(set(asked) <= set(group) for asked in kind["required"]):
                yield f"writers: {name} now asks for {' or '.join(group)}"
    for struct in _STRUCTS:
        for name, field in before[struct].items():
            if name not in now[struct]:
                yield f"writers: {struct}.{name} is gone"
            else:
                yield from _field_breaks(f"{struct}.{name}", field, now[struct][name])
        for name, field in now[struct].items():
            if field["required"] and name not in before[struct]:
                yield f"writers: {struct}.{name} is new and required"
    for name, limit in before["limits"].items():
        if now["limits"].get(name, limit) < limit:
            yield f"writers: the limit {name} was {limit} and is {now['limits'][name]}"


def _field_breaks(path: str, before: Description, now: Description) -> Iterator[str]:
    if now["kind"] != before["kind"]:
        yield f"writers: {path} was {before['kind']} and is {now['kind']}"
    if now["required"] and not before["required"]:
        yield f"writers: {path} was optional and is required"
    if "words" in now:
        lost = [word for word in before.get("words", ()) if word not in now["words"]]
        if lost or "words" not in before:
            yield f"writers: {path} no longer takes {', '.join(lost) or 'any text'}"
    for name, narrower in (("text_limit", -1), ("high", -1), ("low", 1)):
        if name in now and (name not in before or (now[name] - before[name]) * narrower > 0):
            yield f"writers: {path} had {name} {before.get(name, 'unbounded')} and has {now[name]}"


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(describe()), indent=1).decode() + "\n")
