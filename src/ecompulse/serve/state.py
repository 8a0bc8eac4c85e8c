"""What the process gives to its API: the seams through which `serve` sees the rest of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from ecompulse.analyze.parameters import ROWS_MAX, Shop
from ecompulse.analyze.reading import Readable
from ecompulse.guard.keys import Keys
from ecompulse.observe import metrics


class Letter(Struct, frozen=True):
    """A dead letter as it is replayed: `body` are the bytes as they came, or as they were corrected."""

    id: str
    dialect: str
    site: str
    sender_key: str | None
    body: bytes
    original: bytes = b""
    """The bytes as they came."""
    field: str = ""
    reason: str = ""
    """Why it was not taken."""
    replayed_at: datetime | None = None
    """When it was replayed before, as far as the store knows."""


class Replayed(Struct, frozen=True):
    """What became of a letter.

    `outcome` is accepted (then `event_id` is the event's), duplicate, already (it was replayed before, `at`; nothing was done), or rejected
    (then `field` and `reason` say why).
    """

    id: str
    outcome: Literal["accepted", "duplicate", "already", "rejected"]
    field: str | None = None
    reason: str | None = None
    event_id: str | None = None
    at: datetime | None = None


class ReplayFailed(Exception):
    """Letters cannot be replayed now; the text says why. None of them was taken."""


class QueryLimits(Struct, frozen=True):
    """What one question or query may take."""

    seconds: float = 30.0
    rows: int = ROWS_MAX


Replay = Callable[[Sequence[Letter]], Sequence[Replayed]]
"""Reads letters as the door reads requests, appends what is valid to the log, durably, and marks those letters as replayed.

A letter is taken once, whatever its body is corrected to the next time. May block; may raise `ReplayFailed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeState:
    """Everything the API may use. Each callable may be called from any thread."""

    store: Readable
    shop: Shop = field(default_factory=Shop)
    limits: QueryLimits = field(default_factory=QueryLimits)
    version: str = "0"
    loopback: bool = True
    """Bound to loopback: only requests that name this machine as host are answered, so that no foreign page reaches in by DNS rebinding."""
    keys: Keys | None = None
    """Who may ask; None asks for no key, which is only right on loopback."""
    collector: str | None = None
    """The collector's address as a browser would write it, for the snippets on the pages."""
    ready: Callable[[], str | None] = lambda: None
    """Why requests cannot be served yet; None when they can."""
    health: Callable[[], Mapping[str, Any]] = dict
    """Roles, queues, disk and what else an operator wants to see, ready for JSON."""
    metrics: Callable[[], bytes] = metrics.text
    """Every metric, in Prometheus' text format."""
    mark: Callable[[], object] | None = None
    """Something cheap that differs whenever the store has changed (the positions of the log will do); None: the ledger is asked."""
    replay: Replay | None = None
    """Sends dead letters through the door again; None where that cannot be done."""
    letters_keep: Mapping[str, float] | None = None
    """How long dead letters are kept, and how many bytes of them: `seconds` and `bytes`."""
    rebuild: Callable[[str, datetime | None, datetime | None], Mapping[str, Any]] | None = None
    """Begins to rebuild the store into one of this name, what was received from one time to before another made again, and says how it
    stands; a `ValueError` says why that cannot be done."""
    rebuilding: Callable[[], Mapping[str, Any] | None] = lambda: None
    """How the rebuild stands that is under way, or the last one."""
