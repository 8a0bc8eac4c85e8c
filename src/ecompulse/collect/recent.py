"""A bounded memory of events lately taken, so that an answer can say how many of a request are duplicates.

It only informs the sender: every event is written to the log, and processing decides exactly.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa

from ecompulse.contract.columns import FILLED_TIME

Words = np.ndarray[Any, np.dtype[np.uint64]]

SLOTS: Final = 1 << 18
"""Events remembered at most: at 1,000 a second the last four minutes, which is when senders retry; 6 MB."""
_CONTENT: Final = (
    "event_type", "user_id", "anonymous_id", "session_id", "product_id", "order_id", "page_url", "query", "name", "properties",
)  # fmt: skip
"""Columns whose lengths tell apart events that share an id by mistake."""
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


class Recent:
    """A table of (id, fingerprint) with one place for each id; a newer event takes the place of an older one."""

    def __init__(self, slots: int = SLOTS) -> None:
        """`slots` is a power of two."""
        self._mask = np.uint64(slots - 1)
        self._rows = np.zeros((slots, 3), np.uint64)

    def duplicates(self, batch: pa.RecordBatch) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which rows of `batch` are an event that is remembered or stands earlier in the batch; all are remembered afterwards."""
        rows = np.empty((batch.num_rows, 3), np.uint64)
        rows[:, :2] = _ids(batch.column("event_id"))
        rows[:, 2] = fingerprints(batch)
        places = ((rows[:, 0] ^ (rows[:, 1] * _MIX)) * _MIX >> np.uint64(20)) & self._mask
        known: np.ndarray[Any, np.dtype[np.bool_]] = (self._rows[places] == rows).all(axis=1)
        self._rows[places] = rows
        if len(rows) > 1 and len(np.unique(places)) < len(rows):
            known |= _repeated(rows)
        return known


def fingerprints(batch: pa.RecordBatch) -> Words:
    """A number for each row that differs where content differs in its time or in the length of a leading text. Cheap, not exact."""
    filled = batch.column("filled").to_numpy() & FILLED_TIME
    prints: Words = batch.column("timestamp").cast(pa.int64()).to_numpy().view(np.uint64).copy()
    prints[filled != 0] = 0  # a repeated request is filled with another time
    for column in map(batch.column, _CONTENT):
        prints *= _MIX
        if column.null_count < len(column):
            offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]
            prints += np.diff(offsets).astype(np.uint64)
    return prints


def _ids(column: pa.Array) -> Words:
    return np.frombuffer(column.buffers()[1], np.uint64).reshape(-1, 2)[column.offset : column.offset + len(column)]


def _repeated(rows: Words) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Rows equal to an earlier one."""
    _, first = np.unique(rows, axis=0, return_index=True)
    repeated = np.ones(len(rows), bool)
    repeated[first] = False
    return repeated
