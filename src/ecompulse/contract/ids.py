"""Event ids: UUIDs from their texts, all at once where each has its usual form, and new ones where there is none."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from ecompulse.contract.columns import FILLED_ID, LOGGED, Violation

Bytes = np.ndarray[Any, np.dtype[np.uint8]]

_FEW: Final = 8
"""Up to so many ids, converting each in Python costs less than the fixed costs of converting all in columns."""


def uuid7(count: int, time_ms: int | None = None) -> bytes:
    """`count` UUIDs of version 7 (RFC 9562, section 5.7), 16 bytes each, in one bytes object."""
    made = np.frombuffer(bytearray(os.urandom(16 * count)), np.uint8).reshape(count, 16)
    stamp = (time_ms if time_ms is not None else time.time_ns() // 1_000_000).to_bytes(6, "big")
    made[:, :6] = np.frombuffer(stamp, np.uint8)
    made[:, 6] = (made[:, 6] & 0x0F) | 0x70
    made[:, 8] = (made[:, 8] & 0x3F) | 0x80
    return made.tobytes()


_DASHES: Final = (8, 13, 18, 23)
"""Places in the text of a UUID (RFC 9562, section 4)."""


def ids(texts: Sequence[str | None], filled: Bytes, wrong: list[Violation]) -> pa.Array:
    count = len(texts)
    raw = _usual_ids(texts) if count > _FEW else None
    if raw is None:
        out = bytearray()
        missing = texts.count(None)
        new = memoryview(uuid7(missing)) if missing else memoryview(b"")
        for row, text in enumerate(texts):
            if text is None:
                out += new[:16]
                new = new[16:]
                filled[row] |= FILLED_ID
                continue
            found = _uuid(text)
            if found is None:
                wrong.append(Violation(row, "event_id", "must be a UUID"))
            out += found or bytes(16)
        raw = bytes(out)
    return pa.Array.from_buffers(LOGGED.field("event_id").type, count, [None, pa.py_buffer(raw)], 0)


def _usual_ids(texts: Sequence[str | None]) -> bytes | None:
    """All ids at once, if each is a UUID in its usual form."""
    dashes = "-" * len(texts)
    try:
        joined = "".join(texts)  # type: ignore[arg-type]  # a None is a TypeError
        if set(map(len, texts)) != {36} or any(joined[place::36] != dashes for place in _DASHES):  # type: ignore[arg-type]  # none is None
            return None
        raw = bytes.fromhex(joined.replace("-", ""))
    except (TypeError, ValueError):
        return None  # some id is missing or wrong
    return raw if len(raw) == 16 * len(texts) else None  # of a dash or a space elsewhere, which fromhex passes over, something is missing


def _uuid(text: str) -> bytes | None:
    bare = text.replace("-", "") if len(text) == 36 and text[8] == text[13] == text[18] == text[23] == "-" else ""
    try:
        raw = bytes.fromhex(bare) if len(bare) == 32 and bare.isalnum() else b""
    except ValueError:
        return None
    return raw if len(raw) == 16 else None
