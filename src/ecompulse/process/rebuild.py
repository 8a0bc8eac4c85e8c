"""What a rebuild is asked for and says of itself, and how far back a log still reaches for one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import Struct

from ecompulse.log.sqlite.retain import begins
from ecompulse.process.remake import Remade
from ecompulse.store.duckdb import DuckDBStore
from ecompulse.store.duckdb.carry import Durable, Span


class CannotRebuild(ValueError):
    """A store cannot be rebuilt as asked; the text says why and what to do."""


class Rebuild(Struct):
    """How far a rebuild is; `finished` with `failure` None is a store that has taken its place."""

    into: str
    span: Span = Span()
    taken: int = 0
    of: int = 0
    seconds: float = 0.0
    finished: bool = False
    failure: str | None = None
    remade: Remade | None = None
    """What became of the rows of the store that was in use; None when everything is made again."""

    def told(self) -> Mapping[str, object]:
        """As the API says it."""
        remade = self.remade or Remade(made=self.taken)
        return {
            "into": self.into, "from": _said(self.span.since), "to": _said(self.span.until), "taken": self.taken, "of": self.of,
            "made": remade.made, "carried": remade.carried, "kept": remade.kept,
            "seconds": self.seconds, "finished": self.finished, "failure": self.failure,
        }  # fmt: skip


def must_be_a_span(span: Span, now: datetime) -> None:
    """Raise `CannotRebuild` for a span that ends before it begins, or begins in the future."""
    if span.since is not None and span.until is not None and span.since >= span.until:
        raise CannotRebuild(f"it is to begin at {_said(span.since)}, which is not before its end, {_said(span.until)}")
    if span.since is not None and span.since > now:
        raise CannotRebuild(f"it is to begin at {_said(span.since)}, and nothing was received since then: it is {_said(now)}")


def must_be_in_the_log(store: DuckDBStore, log: Path, span: Span) -> None:
    """Look whether the log still holds what is to be made again; retention must be waiting already.

    Raises:
        CannotRebuild: events of the span are no longer in the log; the text names the moment from which on they all are.
    """
    still, durable = begins(log), Durable(store)
    try:
        gone = {partition: still.get(partition, end) for partition, end in store.durable_positions().items()}
        gone = {partition: begin for partition, begin in gone.items() if begin > 0}
        newest = [moment for partition, begin in gone.items() if (moment := durable.newest(partition, begin)) is not None]
        lacks = bool(gone) if span.whole else any(durable.reach(p, begin, span)[0] is not None for p, begin in gone.items())
    finally:
        durable.close()
    if lacks:
        where = ", ".join(f"partition {partition} begins at offset {begin:,}" for partition, begin in gone.items())
        oldest = _said(max(newest) + timedelta(microseconds=1)) if newest else None
        remedy = f"; rebuild from {oldest} or later, and what came before is carried over: --from {oldest}" if oldest else ""
        raise CannotRebuild(f"the log no longer holds all of it ({where}){remedy}")


def _said(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
