"""A bounded memory of events lately taken, so that an answer can say how many of a request are duplicates.

It only informs the sender: every event is written to the log, and processing decides exactly.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa

from ecompulse.contract.columns import FILLED_TIME, LOGGED

Words = np.ndarray[Any, np.dtype[np.uint64]]

SLOTS: Final = 1 << 18
"""Events remembered at most: at 1,000 a second the last four minutes, which is when senders retry; 2 MB."""
_CONTENT: Final = tuple(map(LOGGED.get_field_index, ("event_type", "user_id", "product_id", "order_id", "page_url", "query")))
"""Columns whose lengths tell apart events that share an id by mistake; most of those differ in their times already."""
_ID, _TIME, _FILLED = (LOGGED.get_field_index(name) for name in ("event_id", "timestamp", "filled"))
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_WEIGHTS: Final = tuple(np.uint64(pow(0xD6E8FEB86659FD93, power, 1 << 64)) for power in range(1, len(_CONTENT) + 1))


class Recent:
    """A table of what identifies an event, with one place for each id; a newer event takes the place of an older one."""

    def __init__(self, slots: int = SLOTS) -> None:
        """`slots` is a power of two."""
        self._mask = np.uint64(slots - 1)
        self._marks = np.zeros(slots, np.uint64)

    def duplicates(self, batch: pa.RecordBatch) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which rows of `batch` are an event that is remembered or stands earlier in the batch; all are remembered afterwards."""
        ids = _ids(batch.column(_ID))
        places = (ids >> np.uint64(20)) & self._mask
        marks = (ids ^ fingerprints(batch)) * _MIX
        known: np.ndarray[Any, np.dtype[np.bool_]] = self._marks[places] == marks
        self._marks[places] = marks
        if len(marks) > 1:
            ordered = np.sort(marks)
            if (ordered[1:] == ordered[:-1]).any():
                known |= _repeated(marks)
        return known


def fingerprints(batch: pa.RecordBatch) -> Words:
    """A number for each row that differs where content differs in its time or in the length of a leading text. Cheap, not exact."""
    time = batch.column(_TIME)
    prints = np.frombuffer(time.buffers()[1], np.uint64)[time.offset : time.offset + len(time)] * _MIX
    filled = batch.column(_FILLED)
    bits = np.frombuffer(filled.buffers()[1], np.uint8)[filled.offset : filled.offset + len(filled)] & FILLED_TIME
    if bits.any():
        prints[bits != 0] = 0  # a repeated request is filled with another time
    ends = np.zeros(len(time) + 1, np.uint64)  # of all texts: their differences are the lengths
    for place, weight in zip(_CONTENT, _WEIGHTS, strict=True):
        column = batch.column(place)
        if column.null_count < len(column):
            offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]
            ends += np.multiply(offsets, weight, dtype=np.uint64, casting="unsafe")
    prints += np.diff(ends)
    return prints


def _ids(column: pa.Array) -> Words:
    """64 bits of each id, all of its bits in each of them."""
    words = np.frombuffer(column.buffers()[1], np.uint64).reshape(-1, 2)[column.offset : column.offset + len(column)]
    mixed: Words = (words[:, 0] ^ (words[:, 1] * _MIX)) * _MIX
    return mixed


def _repeated(marks: Words) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Rows equal to an earlier one."""
    _, first = np.unique(marks, return_index=True)
    repeated = np.ones(len(marks), bool)
    repeated[first] = False
    return repeated
