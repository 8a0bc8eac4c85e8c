"""What a step is, what it is told, and how a list of steps is run over a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, Protocol, TypeAlias, runtime_checkable

import msgspec
import pyarrow as pa
from msgspec import Struct

from ecompulse.contract.columns import STORED


class Rate(Struct, frozen=True):
    """What one unit of a foreign currency is worth in the reporting currency, from the start of a day in UTC (`None`: always)."""

    rate: Decimal
    since: date | None = None


class Context(Struct, frozen=True, kw_only=True):
    """What steps may know beside the batch. Data only, so that it can be sent to a Spark worker as it is."""

    reporting_currency: str = "EUR"
    """The ISO 4217 currency that `revenue` is given in."""
    default_currency: str = "EUR"
    """The currency of a price without one, at a site that `site_currencies` does not name."""
    site_currencies: Mapping[str, str] = {}
    """The currency of a price without one, by site."""
    rates: Mapping[str, tuple[Rate, ...]] = {}
    """Rates to the reporting currency, by currency, the earliest first (see `steps.rates.read_rates`)."""
    geo_database: str | None = None
    """Path of a database in MaxMind's format; without one no country is known."""
    session_inactivity: timedelta = timedelta(minutes=30)
    """A pause after which a visitor without a session id begins a new session."""


Step: TypeAlias = Callable[[pa.RecordBatch, Context], pa.RecordBatch]
"""Adds or replaces columns of a batch.

The caller may rely on: the same rows in the same order; the result of a row does not depend on how rows were cut into batches;
no exception for any value of a column. A step must not keep the batch, block, or reach over the network: it runs for every event.
A column whose name begins with `_` is for the steps that follow, and is not stored.
"""


@runtime_checkable
class StatefulStep(Protocol):
    """A step whose result for a row may depend on the rows before it, in the order of the log, and on nothing else.

    Its state is bounded. To apply it again to rows it has had changes nothing: the engine does so, in parts, when another step failed.
    The engine saves `state()` together with the position up to which rows were applied, and gives it to `restore`
    before the first batch after a start; the rows that follow then come out as if there had been no stop.
    """

    def __call__(self, batch: pa.RecordBatch, context: Context, /) -> pa.RecordBatch: ...

    def state(self) -> bytes: ...

    def restore(self, state: bytes) -> None: ...


class StepFailed(Exception):
    """A step broke its promise or raised; the message names the step."""


class Steps:
    """A list of named steps, run in order over every batch."""

    def __init__(self, named: Sequence[tuple[str, Step]]) -> None:
        names = [name for name, _ in named]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two steps are named {', '.join(twice)}; give each step a name of its own")
        self._named = tuple(named)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self._named)

    def apply(self, batch: pa.RecordBatch, context: Context) -> pa.RecordBatch:
        """Run every step over the batch.

        Raises:
            StepFailed: a step cannot do these events; the message names it.
            OSError: as a step raised it. That is the machine's trouble (a file that is away), not the events': wait, and try again.
        """
        for name, step in self._named:
            try:
                result = step(batch, context)
            except OSError:
                raise
            except Exception as error:
                raise StepFailed(f"the step {name!r} failed on {batch.num_rows} rows: {type(error).__name__}: {error}") from error
            _must_keep_rows(name, batch, result)
            batch = result
        return batch

    def up_to_state(self) -> Steps:
        """The same steps as far as the last one with state: enough to bring their states to where these events were; often none."""
        last = max((number for number, (_, step) in enumerate(self._named, 1) if isinstance(step, StatefulStep)), default=0)
        return Steps(self._named[:last])

    def state(self) -> bytes:
        """Return the state of all stateful steps, to be saved with the position of the last applied row."""
        return msgspec.msgpack.encode({name: step.state() for name, step in self._named if isinstance(step, StatefulStep)})

    def restore(self, state: bytes) -> None:
        """Take up a saved state. A step that the state does not know begins anew; one that is no longer here is left out."""
        saved = msgspec.msgpack.decode(state, type=dict[str, bytes])
        for name, step in self._named:
            if name in saved and isinstance(step, StatefulStep):
                step.restore(saved[name])


_STORED: Final = frozenset(STORED.names)


def _must_keep_rows(name: str, before: pa.RecordBatch, after: object) -> None:
    if not isinstance(after, pa.RecordBatch):
        raise StepFailed(f"the step {name!r} returned {type(after).__name__}; a step returns a pyarrow.RecordBatch")
    if after.num_rows != before.num_rows:
        raise StepFailed(f"the step {name!r} made {after.num_rows} rows of {before.num_rows}; a step keeps every row")
    had, has = before.schema.names, after.schema.names
    added = has[len(had) :]
    if has[: len(had)] != had:  # most steps add columns behind the others
        if lost := sorted(set(had).difference(has), key=had.index):
            raise StepFailed(f"the step {name!r} dropped {', '.join(lost)}; a step adds or replaces columns")
        added = [column for column in has if column not in had]
    if unknown := [column for column in added if column not in _STORED and not column.startswith("_")]:
        raise StepFailed(
            f"the step {name!r} added {', '.join(unknown)}, which the table events does not have; "
            "fill one of its columns, or write a property (steps.properties.put_property)"
        )
    if "event_id" in had and not after.column("event_id").equals(before.column("event_id")):
        raise StepFailed(f"the step {name!r} changed event_id or the order of rows; a step keeps both")
