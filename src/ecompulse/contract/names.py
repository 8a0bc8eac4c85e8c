"""Whether a name stands twice in one JSON object. Decoders let the last one count without a word (RFC 8259, section 4).

Nobody can say which of the two was meant, so such an event is not taken. Looking at each name would cost more than reading the event;
counting is enough: an object without a doubled name was decoded to as many fields as there are names in its bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

Integers = np.ndarray[Any, np.dtype[np.int64]]

TWICE: Final = "appears twice in one object: leave one of them out"
SMALL: Final = 8_192
"""Bytes up to which counting in Python's bytes is quicker than in an array."""
_OTHERS: Final = tuple(b"\n\r\t!")
NESTING: Final = frozenset((dict, list))
"""Types of decoded values that hold others."""
_STEP: Final = 1 << 18
"""Bytes looked at in one go: small enough for the cache."""


def names_at_most(text: bytes) -> int:
    """How many names JSON text holds, or more, where a string holds what looks like the end of a name; never less.

    Each name is followed by a colon, and before that is its quotation mark or white space. Of the bytes up to the quotation mark only `!`
    may stand before a colon, too, in a string: it is counted with them, as a range is found in less time than two values.
    """
    if len(text) > SMALL:
        return sum(int(np.count_nonzero(colons)) for _, colons in _colons(text))  # to tell where they are would take twice as long
    names = text.count(b'":') + text.count(b" :")
    for before in _OTHERS:  # mostly none of them is there at all: to look for one byte, as a number, takes a twentieth of the time
        if before in text:
            names += text.count(bytes((before, 0x3A)))
    return names


def names_at_most_of_each(texts: Sequence[bytes]) -> Integers:
    """The same for each of many JSON texts."""
    joined = b"," + b",".join(texts)
    bounds = np.cumsum([1, *(len(text) + 1 for text in texts)])
    return np.diff(np.searchsorted(name_ends(joined), bounds))


def name_ends(text: bytes) -> Integers:
    """The places of the colons that may end a name."""
    return np.concatenate([np.zeros(0, np.int64), *(start + np.flatnonzero(colons) for start, colons in _colons(text))])


def _colons(text: bytes) -> Iterator[tuple[int, np.ndarray[Any, np.dtype[np.bool_]]]]:
    """Which bytes are colons that may end a name, piece by piece, and where each piece begins."""
    whole = np.frombuffer(text, np.uint8)
    for start in range(1, len(whole), _STEP):
        colons = whole[start : start + _STEP] == ord(":")
        colons &= whole[start - 1 : start - 1 + len(colons)] <= ord('"')
        yield start, colons


def names_in(value: Any) -> int:
    """How many names a decoded JSON value holds, at any depth."""
    names, inside = 0, [value]
    for one in inside:  # grows as it is gone through: a value may be nested more deeply than Python likes to call
        if type(one) is dict:
            names += len(one)
            inside += [inner for inner in one.values() if type(inner) in NESTING]
        elif type(one) is list:
            inside += [inner for inner in one if type(inner) in NESTING]
    return names


def surely_none_twice(text: bytes, value: Any) -> bool:
    """Whether counting tells that no name stands twice in any object of the JSON text that was decoded to `value`."""
    return names_at_most(text) == names_in(value)


def twice(text: bytes, value: Any) -> str | None:
    """The path of a name that stands twice in one object of the JSON text that was decoded to `value`; None where there is none."""
    return None if surely_none_twice(text, value) else first_twice(text)


def first_twice(text: bytes, but: str | None = None) -> str | None:
    """The same by looking at every name. `but` is a pattern (a regular expression) of paths that are not looked into."""
    doubled: list[_Doubled] = []

    def of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            found = _Doubled(found)
            seen: set[str] = set()
            found.name = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]  # None: go on
            doubled.append(found)
        return found

    try:
        value = json.loads(text, object_pairs_hook=of_pairs, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None  # what is no JSON, or is nested too deeply, is told by those who decode it
    return _path(value, but) if doubled else None


class _Doubled(dict[str, Any]):
    """An object with a name that stood in it twice."""

    name: str


def _path(value: Any, but: str | None) -> str | None:
    """Where the first doubled name is. One inside a value that another of the same name replaced is gone, but then that name is doubled."""
    inside = [("", value)]
    for path, one in inside:
        if isinstance(one, _Doubled):
            return path + one.name
        pairs = one.items() if isinstance(one, dict) else enumerate(one)
        inner = [(f"{path}{key}", value) for key, value in pairs if isinstance(value, dict | list)]
        inside += [(f"{at}.", value) for at, value in inner if but is None or not re.fullmatch(but, at)]
    return None
