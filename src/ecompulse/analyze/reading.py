"""What this room needs of a store: a consistent picture to ask, how complete it is, and what became of every event."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from ecompulse.analyze.rows import time_text
from ecompulse.store import Snapshot


class Readable(Protocol):
    """A store that can be asked. Every method may be called from any thread."""

    def snapshot(self, timeout_seconds: float) -> AbstractContextManager[Snapshot]:
        """A picture whose queries are interrupted when the time is up."""
        ...

    def as_of(self) -> datetime:
        """The event time up to which answers are complete."""
        ...

    def lag_seconds(self) -> float:
        """How far behind the log the store is."""
        ...

    def ledger(self) -> dict[str, Any]:
        """What became of every event received: `received, stored, duplicates, dead_letters, in_flight, balanced, as_of`.

        `sites` says of each site what the store has: `{<site>: {"stored": n, "duplicates": n, "dead_letters": n}}`.
        """
        ...

    def account(self, site: str | None = None) -> dict[str, Any]:
        """The ledger in full: `ledger()`, with how far each partition of the log is processed (`positions`), and both sides of each group.

        `by_site`, `by_dialect`, `by_key`, `by_type` and `groups` (all four together) tell, of one site or of all, what the door counted
        (`received`, of which `accepted` and `rejected`), what the store says became of it, and whether these agree (`balanced`).
        """
        ...


def completeness(store: Readable) -> dict[str, Any]:
    """`as_of` and `lag_seconds` now, ready for JSON."""
    return {"as_of": time_text(store.as_of()), "lag_seconds": round(store.lag_seconds(), 3)}
