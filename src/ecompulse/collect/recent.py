"""A bounded memory of events lately taken, so that an answer can say how many of a request are duplicates.

It only informs the sender: every event is written to the log, and processing decides exactly.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa

from ecompulse.contract.columns import FILLED_TIME

Words = np.ndarray[Any, np.dtype[np.uint64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]

SLOTS: Final = 1 << 18
"""Events remembered at most: at 1,000 a second the last four minutes, which is when senders retry; 2 MB."""
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)
_SIZE: Final = np.int64(0x56E8FEB86659FD93)


class Recent:
    """A table of what identifies an event, with one place for each id; a newer event takes the place of an older one."""

    def __init__(self, slots: int = SLOTS) -> None:
        """`slots` is a power of two."""
        self._mask = np.uint64(slots - 1)
        self._marks = np.zeros(slots, np.uint64)

    def duplicates(self, batch: pa.RecordBatch, sizes: Integers) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which rows of `batch` are an event that is remembered or stands earlier in the batch; all are remembered afterwards.

        `sizes` are the bytes of each row's texts: they tell apart events that share an id by mistake and even their time.
        """
        ids = _ids(batch.column("event_id"))
        places = (ids >> np.uint64(20)) & self._mask
        marks = (ids ^ fingerprints(batch, sizes)) * _MIX
        known: np.ndarray[Any, np.dtype[np.bool_]] = self._marks[places] == marks
        self._marks[places] = marks
        if len(marks) > 1:
            ordered = np.sort(marks)
            if (ordered[1:] == ordered[:-1]).any():
                known |= _repeated(marks)
        return known


def fingerprints(batch: pa.RecordBatch, sizes: Integers) -> Words:
    """A number for each row that differs where its time or the size of its texts does. Cheap, not exact."""
    time = batch.column("timestamp")
    prints = np.frombuffer(time.buffers()[1], np.uint64)[time.offset : time.offset + len(time)] * _MIX
    filled = batch.column("filled")
    bits = np.frombuffer(filled.buffers()[1], np.uint8)[filled.offset : filled.offset + len(filled)] & FILLED_TIME
    if bits.any():
        prints[bits != 0] = 0  # a repeated request is filled with another time
    prints += (sizes * _SIZE).view(np.uint64)
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
