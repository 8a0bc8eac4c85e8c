"""Corrections of a dead letter before it is sent again: values set at paths of its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ecompulse.serve.problem import Problem

DEPTH_MAX: Final = 20
CHANGES_MAX: Final = 50


def corrected(letter_id: str, body: bytes, changes: Mapping[str, Any]) -> bytes:
    """The body with a value set at each path, such as `properties.items.0.price`; null takes a field out.

    Without changes the bytes stay as they came. Raises `Problem` 400 for a body or a path that cannot be changed.
    """
    if not changes:
        return body
    if len(changes) > CHANGES_MAX:
        raise Problem(400, f"'set' changes more than {CHANGES_MAX} fields.", parameter="set")
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Problem(
            400,
            f"The dead letter {letter_id} is no JSON, so no field of it can be set. Send it again as it is, or leave it out.",
            parameter="set",
        ) from None
    for path, value in changes.items():
        _set(letter_id, content, path, value)
    return msgspec.json.encode(content)


def _set(letter_id: str, content: Any, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    if len(parents) > DEPTH_MAX or not all((*parents, last)):
        raise Problem(400, f"'{path[:80]}' is no path such as properties.items.0.price.", parameter="set")
    for name in parents:
        content = content.setdefault(name, {}) if isinstance(content, dict) else _element(letter_id, content, path, name)
    if isinstance(content, list):
        _element(letter_id, content, path, last)
        content[int(last)] = value
    elif not isinstance(content, dict):
        raise Problem(400, f"The dead letter {letter_id} has no field '{path[:80]}'.", parameter="set")
    elif value is None:
        content.pop(last, None)
    else:
        content[last] = value


def _element(letter_id: str, content: Any, path: str, name: str) -> Any:
    if not isinstance(content, list) or not name.isascii() or not name.isdigit() or len(name) > 6 or int(name) >= len(content):
        raise Problem(400, f"The dead letter {letter_id} has no field '{path[:80]}'.", parameter="set")
    return content[int(name)]
