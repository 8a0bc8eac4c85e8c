"""Bytes that are no JSON: what is wrong with them, and at which byte."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from ecompulse.contract.event import NESTING_LIMIT

MALFORMED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises for them; `msgspec.ValidationError`, which is one, is of JSON that has another shape."""
_HALF_A_PAIR: Final = re.compile(rb"(?<!\\)(?:\\\\)*(\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]..)")
"""An escape such as \\ud800 that is half of a surrogate pair: no Unicode text, so no database keeps it."""


class Unreadable(ValueError):
    """The body is not JSON, or not of a shape that can hold events; the text says where."""


def unreadable(body: bytes, error: Exception) -> Unreadable:
    """What is wrong with a body at which decoding raised `error`, one of `MALFORMED`."""
    if isinstance(error, RecursionError):
        return Unreadable(f"nested too deeply: at most {NESTING_LIMIT} levels are taken (1 body of {len(body)} bytes)")
    if isinstance(error, UnicodeDecodeError):
        return Unreadable(f"not UTF-8: byte {_first_bad_byte(body)}")
    if body[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in body[:2]:
        return Unreadable("byte 0: this looks like UTF-16; send UTF-8")
    half = _HALF_A_PAIR.search(body)
    if half is not None:
        return Unreadable(f"byte {half.start(1)}: {half.group(1)[:6].decode(errors='replace')} is half of a surrogate pair")
    told = str(error)
    return Unreadable(told if re.search(r"\d", told) else f"{told} (after byte {len(body)})")


def _first_bad_byte(body: bytes) -> int:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return error.start
    return len(body)
