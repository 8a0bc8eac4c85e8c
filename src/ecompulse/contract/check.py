"""The contract applied to a group of events: the batch of those that keep it, and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
from msgspec import Struct

from ecompulse.contract.columns import LOGGED, Violation, alike, widened
from ecompulse.contract.convert import to_columns
from ecompulse.contract.event import Event
from ecompulse.contract.rules import violations


class Checked(Struct, frozen=True):
    """What is right of some events, and what is wrong.

    `held` has those of the columns of `LOGGED` that hold anything, and the events that are right, in their order: its row i is the given
    event `rows[i]`, whose texts have `sizes[i]` bytes.
    """

    held: pa.RecordBatch
    rows: np.ndarray[Any, np.dtype[np.int64]]
    sizes: np.ndarray[Any, np.dtype[np.int64]]
    violations: list[Violation]

    @property
    def batch(self) -> pa.RecordBatch:
        """The same with all columns of `LOGGED`."""
        return widened(self.held)


def check(
    events: Sequence[Event],
    received_at_us: int,
    site: str | Sequence[str] = "default",
    dialect: str | Sequence[str] = "canonical",
    sender_key: str | Sequence[str | None] | None = None,
) -> Checked:
    """Convert and check events; each of `site`, `dialect` and `sender_key` is one value for all or one for each."""
    if not events:
        return Checked(_NO_EVENTS, np.arange(0), np.arange(0), [])
    columns = to_columns(events, received_at_us)
    wrong = violations(columns)
    for name, value in (("site", site), ("dialect", dialect), ("sender_key", sender_key)):
        if value is not None:
            columns.arrays[name] = _of_all(value, len(events))
            columns.held.append(name)
    names = sorted(columns.held, key=_PLACES.__getitem__)
    held = pa.RecordBatch.from_arrays([columns.arrays[name] for name in names], schema=_schema(tuple(names)))
    sizes = columns.lengths.sum(axis=0, dtype=np.int64)
    if not wrong:
        return Checked(held, np.arange(len(events)), sizes, wrong)
    right = np.ones(len(events), bool)
    right[[violation.row for violation in wrong]] = False
    rows = np.flatnonzero(right)
    return Checked(held.take(pa.array(rows)), rows, sizes[rows], wrong)


@lru_cache(maxsize=1024)
def _schema(names: tuple[str, ...]) -> pa.Schema:
    """The schema of some columns of `LOGGED`: a few sets of columns come again and again."""
    return pa.schema([LOGGED.field(name) for name in names])


_PLACES: Final = {name: place for place, name in enumerate(LOGGED.names)}
_NO_EVENTS: Final = pa.RecordBatch.from_pylist([], schema=LOGGED)


def _of_all(value: str | Sequence[str | None], count: int) -> pa.Array:
    return alike(value, count) if isinstance(value, str) else pa.array(value, pa.string())
