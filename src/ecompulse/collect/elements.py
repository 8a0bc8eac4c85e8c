"""How many events a body holds, before it is decoded: ten megabytes of `[1,1,1,…` would become a gigabyte of objects."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

EVENTS_LIMIT: Final = 20_000
"""Events of one request: some 10 MB of usual ones, and what one append takes."""
STEP: Final = 1 << 18
"""Bytes looked at in one go: small enough for the cache."""

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
_DELTA: Final = np.zeros(256, np.int8)
_DELTA[[ord("["), ord("{")]] = 1
_DELTA[[ord("]"), ord("}")]] = -1


def too_many(body: bytes, limit: int = EVENTS_LIMIT) -> bool:
    """Whether a JSON array, or one inside a JSON object, has more than `limit` elements. Never wrong about valid JSON."""
    if len(body) < 2 * limit or np.count_nonzero(np.frombuffer(body, np.uint8) == ord(",")) < limit:
        return False
    # Of a body that is an array its own commas count; of an object those of what it holds.
    return _commas(body, 1 if body.lstrip()[:1] == b"[" else 2, limit) >= limit


def too_many_lines(body: bytes, limit: int = EVENTS_LIMIT) -> bool:
    """Whether NDJSON has more than `limit` lines."""
    return body.count(b"\n") > limit


def _commas(body: bytes, depth: int, limit: int) -> int:
    """Commas outside of strings that stand inside `depth` brackets; stops counting above `limit`."""
    if b"\\" in body:  # of a run of backslashes every second is a character, so that what stays before a quote escapes it
        body = body.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    everything, found, level, inside = np.frombuffer(body, np.uint8), 0, 0, 0
    for start in range(0, len(everything), STEP):
        part: Bytes = everything[start : start + STEP]
        quoted = np.bitwise_xor.accumulate((part == ord('"')).astype(np.uint8)) ^ inside
        inside = int(quoted[-1])
        levels = np.cumsum(_DELTA[part] * (1 - quoted.astype(np.int8)), dtype=np.int32) + level
        level = int(levels[-1])
        found += int(np.count_nonzero((part == ord(",")) & (quoted == 0) & (levels == depth)))
        if found >= limit:
            break
    return found
