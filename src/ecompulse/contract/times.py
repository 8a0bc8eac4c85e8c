"""Times: ISO 8601 texts as microseconds since 1970 in UTC, all at once where Arrow reads each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa

from ecompulse.contract.columns import FILLED_TIME, TIME, Violation, plain

Bytes = np.ndarray[Any, np.dtype[np.uint8]]

_FEW: Final = 64
"""Up to so many times, converting each in Python costs less than the fixed costs of converting all in columns: those of a small group,
whose code has mostly left the processor's cache."""


def times(
    field: str, texts: Sequence[str | None], wrong: list[Violation], filled: Bytes | None = None, fill_us: int | None = None
) -> pa.Array:
    """Times of a column. Where there is none, `fill_us` if given, and `filled` says so."""
    array = _usual_times(texts) if len(texts) > _FEW else None
    if array is None:
        stamps = [_time(field, row, text, wrong) for row, text in enumerate(texts)]
        array = pa.array(stamps, TIME) if None in stamps else plain(TIME, np.array(stamps, np.int64))
    if array.null_count and fill_us is not None and filled is not None:
        filled[[row for row, text in enumerate(texts) if text is None]] |= FILLED_TIME
        array = array.fill_null(pa.scalar(fill_us, TIME))
    return array


def _usual_times(texts: Sequence[str | None]) -> pa.Array | None:
    """All times at once, if Arrow reads each; it takes fewer forms than we do."""
    try:
        array = pa.array(texts, pa.string()).cast(TIME)
    except pa.ArrowInvalid:
        return None
    stamps = np.frombuffer(array.buffers()[1], np.int64)[: len(array)]
    if stamps.min() < _YEAR_1_US:
        return None  # Arrow takes the year 0, datetime does not: a verdict must not depend on the events beside it
    return array


def _time(field: str, row: int, text: str | None, wrong: list[Violation]) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            wrong.append(Violation(row, field, "has no time zone: end it with Z or an offset such as +02:00"))
            return None
        return (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        wrong.append(Violation(row, field, "must be an ISO 8601 time with zone, such as 2026-01-31T12:00:00Z"))
        return None


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_YEAR_1_US: Final = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
