"""Sending dead letters through the door again by the API of the running process, and telling what became of them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, field

from ecompulse.analyze.letter_line import Edited, Line
from ecompulse.run.asking import call
from ecompulse.run.tables import print_json, print_table
from ecompulse.run.values import Address

AT_ONCE: Final = 500
BYTES_AT_ONCE: Final = 8_000_000
"""Of edited bodies in one request: a quarter of what the API takes, because as text in JSON they grow."""
BODY_MAX: Final = 15_000_000
"""Bytes of one edited letter: with every byte escaped it still is one request."""
PATH: Final = "/api/dead-letters/replay"


class Sent(Struct):
    """What became of letters: `rejected` are those still wrong, `unused` the lines that held no letter."""

    replayed: int = 0
    already: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    unused: list[dict[str, Any]] = field(default_factory=list)


def send_ids(address: Address, ids: Sequence[str], changes: Mapping[str, Any], sent: Sent) -> None:
    """Send letters as they came, corrected."""
    for start in range(0, len(ids), AT_ONCE):
        _send(address, {"ids": ids[start : start + AT_ONCE], "set": changes}, {}, sent)


def send_edited(address: Address, lines: Iterable[Line], changes: Mapping[str, Any], sent: Sent) -> None:
    """Send the letters of a file with their edited bodies, while it is read."""
    group: dict[str, tuple[int, Edited]] = {}
    size = 0
    for line in lines:
        if line.letter is None or len(line.letter.body) > BODY_MAX:
            reason = line.reason or f"is larger than {BODY_MAX:,} bytes"
            sent.unused.append({"line": line.number, "reason": reason})
            continue
        if group and (len(group) == AT_ONCE or size + len(line.letter.body) > BYTES_AT_ONCE):
            _send_group(address, group, changes, sent)
            group, size = {}, 0
        group[line.letter.id] = line.number, line.letter
        size += len(line.letter.body)
    if group:
        _send_group(address, group, changes, sent)


def _send_group(address: Address, group: Mapping[str, tuple[int, Edited]], changes: Mapping[str, Any], sent: Sent) -> None:
    letters = [_item(letter) for _, letter in group.values()]
    _send(address, {"letters": letters, "set": changes}, {letter: number for letter, (number, _) in group.items()}, sent)


def _item(letter: Edited) -> dict[str, Any]:

    try:
        return {"id": letter.id, "body": letter.body.decode()}
    except UnicodeDecodeError:
        return {"id": letter.id, "body_base64": base64.b64encode(letter.body).decode()}


def _send(address: Address, body: Mapping[str, Any], numbers: Mapping[str, int], sent: Sent) -> None:
    answer = call(address, "POST", PATH, body)
    sent.replayed += answer["replayed"]
    sent.already += [_named(one, numbers) for one in answer["already_replayed"]]
    sent.rejected += [_named(one, numbers) for one in answer["rejected"]]


def _named(one: dict[str, Any], numbers: Mapping[str, int]) -> dict[str, Any]:
    return {"line": numbers[one["id"]], **one} if one["id"] in numbers else one


def told(sent: Sent, *, json: bool) -> None:
    """Print it: for people, or as JSON."""
    if json:
        print_json({"replayed": sent.replayed, "already_replayed": sent.already, "rejected": sent.rejected, "unused_lines": sent.unused})
        return
    parts = [f"{sent.replayed:,} replayed", f"{len(sent.rejected):,} rejected again"]
    parts += [f"{len(sent.already):,} were replayed before"] if sent.already else []
    parts += [f"{len(sent.unused):,} lines not used"] if sent.unused else []
    print(", ".join(parts))
    if sent.unused:
        print_table(("line", "what is wrong with it"), [(one["line"], one["reason"]) for one in sent.unused], "")
    if sent.rejected:
        numbered = any("line" in one for one in sent.rejected)
        rows = [(*([one.get("line")] if numbered else []), one["id"], one["field"], one["reason"]) for one in sent.rejected]
        print_table((*(["line"] if numbered else []), "id", "field", "reason"), rows, "")
