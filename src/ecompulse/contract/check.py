"""The contract applied to a group of events: the batch of those that keep it, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from msgspec import Struct

from ecompulse.contract.columns import LOGGED, Violation, alike, nulls
from ecompulse.contract.convert import Columns, to_columns, without_values
from ecompulse.contract.event import Event
from ecompulse.contract.rules import violations

NO_EVENTS: Final = pa.RecordBatch.from_pylist([], schema=LOGGED)


class Checked(Struct, frozen=True):
    """`batch` (schema `LOGGED`) holds the events that are right, in their order; its row i is the given event `rows[i]`.

    `sizes` are the bytes of the texts of each row.
    """

    batch: pa.RecordBatch
    rows: np.ndarray[Any, np.dtype[np.int64]]
    sizes: np.ndarray[Any, np.dtype[np.int64]]
    violations: list[Violation]


def check(
    events: Sequence[Event],
    received_at_us: int,
    site: str | Sequence[str] = "default",
    dialect: str | Sequence[str] = "canonical",
    sender_key: str | Sequence[str | None] | None = None,
) -> Checked:
    """Convert and check events; each of `site`, `dialect` and `sender_key` is one value for all or one for each."""
    if not events:
        return Checked(NO_EVENTS, np.arange(0), np.arange(0), [])
    columns = to_columns(events, received_at_us)
    wrong = violations(columns)
    for name, value in (("site", site), ("dialect", dialect), ("sender_key", sender_key)):
        columns.arrays[name] = _of_all(value, len(events))
    sizes = columns.lengths.sum(axis=0, dtype=np.int64)
    if not wrong:
        return Checked(pa.RecordBatch.from_arrays(_in_order(columns.arrays), schema=LOGGED), np.arange(len(events)), sizes, wrong)
    right = np.ones(len(events), bool)
    right[[violation.row for violation in wrong]] = False
    rows = np.flatnonzero(right)
    return Checked(_only(columns, rows) if len(rows) else NO_EVENTS, rows, sizes[rows], wrong)


def _in_order(arrays: dict[str, pa.Array]) -> list[pa.Array]:
    return [arrays[name] for name in _NAMES]


_NAMES: Final = tuple(LOGGED.names)
_TOLD: Final = ("site", "dialect", "sender_key")


def _only(columns: Columns, rows: np.ndarray[Any, np.dtype[np.int64]]) -> pa.RecordBatch:
    """The batch of some rows; only columns that hold anything are gone through."""
    names = [*columns.held, *_TOLD]
    some = pa.RecordBatch.from_arrays([columns.arrays[name] for name in names], names).take(pa.array(rows))
    arrays = {**without_values(len(rows)), **dict(zip(names, some.columns, strict=True))}
    return pa.RecordBatch.from_arrays(_in_order(arrays), schema=LOGGED)


def _of_all(value: str | Sequence[str | None] | None, count: int) -> pa.Array:
    if value is None:
        return nulls(count, pa.string())
    return alike(value, count) if isinstance(value, str) else pa.array(value, pa.string())
