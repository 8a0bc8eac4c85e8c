"""The contract applied to a group of events: the batch of those that keep it, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from msgspec import Struct

from ecompulse.contract.columns import LOGGED, Violation, alike, nulls, to_columns
from ecompulse.contract.event import Event
from ecompulse.contract.rules import violations


class Checked(Struct, frozen=True):
    """`batch` (schema `LOGGED`) holds the events that are right, in their order; its row i is the given event `rows[i]`."""

    batch: pa.RecordBatch
    rows: np.ndarray[Any, np.dtype[np.int64]]
    violations: list[Violation]


def check(
    events: list[Event],
    received_at_us: int,
    site: str | Sequence[str] = "default",
    dialect: str | Sequence[str] = "canonical",
    sender_key: str | Sequence[str | None] | None = None,
) -> Checked:
    """Convert and check events; each of `site`, `dialect` and `sender_key` is one value for all or one for each."""
    if not events:
        return Checked(pa.RecordBatch.from_pylist([], schema=LOGGED), np.arange(0), [])
    columns = to_columns(events, received_at_us)
    wrong = violations(columns)
    for name, value in (("site", site), ("dialect", dialect), ("sender_key", sender_key)):
        columns.arrays[name] = _of_all(value, len(events))
    batch = pa.RecordBatch.from_arrays([columns.arrays[name] for name in LOGGED.names], schema=LOGGED)
    if not wrong:
        return Checked(batch, np.arange(len(events)), wrong)
    right = np.ones(len(events), bool)
    right[[violation.row for violation in wrong]] = False
    rows = np.flatnonzero(right)
    return Checked(batch.take(pa.array(rows)), rows, wrong)


def _of_all(value: str | Sequence[str | None] | None, count: int) -> pa.Array:
    if value is None:
        return nulls(count, pa.string())
    return alike(value, count) if isinstance(value, str) else pa.array(value, pa.string())
