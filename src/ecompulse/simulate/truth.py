"""The true totals of what was sent: what a store must hold when it has taken everything."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ecompulse.simulate.block import KIND, KINDS, Block, Column
from ecompulse.simulate.faults import MALFORMED, REPEATED, SOUND, Sending
from ecompulse.simulate.json_rows import money
from ecompulse.simulate.numbers import Times
from ecompulse.simulate.options import Plan
from ecompulse.simulate.vocabulary import CURRENCY

VERSION = 1
FUNNEL = ("page_view", "product_view", "add_to_cart", "purchase")
_STEP = np.full(len(KINDS), -1)
_STEP[[KIND[name] for name in FUNNEL]] = range(len(FUNNEL))
_NEVER = np.iinfo(np.int64).max


class Seen:
    """A byte for each number of a run, grown as numbers grow."""

    def __init__(self) -> None:
        self._bytes = np.zeros(1024, dtype=np.uint8)

    def at(self, numbers: Times) -> npt.NDArray[np.uint8]:
        """The bytes of these numbers."""
        highest = int(numbers.max(initial=0))
        if highest >= len(self._bytes):
            self._bytes = np.concatenate((self._bytes, np.zeros(highest + 1, dtype=np.uint8)))
        return self._bytes[numbers]

    def put(self, numbers: Times, values: Column | int) -> None:
        """Set the bytes of numbers that `at` has been asked for."""
        self._bytes[numbers] = values

    def count(self, least: int) -> int:
        """How many numbers have at least this byte."""
        return int((self._bytes >= least).sum())


@dataclass(slots=True)
class Truth:
    """Totals of one run, added up as it sends.

    The funnel is ordered: a visitor is in a step from its first event of that step that is not before the step before it. Visitors'
    events are sent in the order of their times (a late visitor is late by the same for all its events), so one pass finds it.
    """

    sent: int = 0
    late: int = 0
    duplicates: int = 0
    malformed: int = 0
    by_kind: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(KINDS), dtype=np.int64))
    revenue_cents: int = 0
    first_ms: int = _NEVER
    last_ms: int = -1
    visitors: Seen = field(default_factory=Seen)
    steps: Seen = field(default_factory=Seen)
    sessions: set[int] | Seen = field(default_factory=Seen)

    def add(self, block: Block, sending: Sending, first: int, end: int) -> None:
        """Count what was sent of a block, from `first` up to `end`."""
        fate = sending.fate[first:end]
        self.sent += len(fate)
        self.duplicates += int((fate == REPEATED).sum())
        self.malformed += int((fate == MALFORMED).sum())
        rows = sending.number[first:end][fate == SOUND] - block.first
        if not len(rows):
            return
        kind, timestamp, session = block.kind[rows], block.timestamp[rows], block.session[rows]
        self.by_kind += np.bincount(kind, minlength=len(KINDS))
        self.late += int((block.at[rows] != timestamp).sum())
        self.first_ms, self.last_ms = min(self.first_ms, int(timestamp.min())), max(self.last_ms, int(timestamp.max()))
        self.revenue_cents += int(block.orders.total[block.detail[rows[kind == KIND["purchase"]]]].sum())
        used = np.unique(session)
        self._see_sessions(block, used)
        self.visitors.at(block.sessions.visitor[used])
        self.visitors.put(block.sessions.visitor[used], 1)
        self._climb(block.sessions.visitor[session], _STEP[kind])

    def _see_sessions(self, block: Block, used: Column) -> None:
        numbers = block.sessions.number[used]
        if block.names == "user" and isinstance(self.sessions, Seen):
            self.sessions = set()  # the numbers of users' half hours are too far apart for a byte each
        if isinstance(self.sessions, Seen):
            self.sessions.at(numbers)
            self.sessions.put(numbers, 1)
        else:
            self.sessions.update(numbers.tolist())

    def _climb(self, visitor: Times, step: Column) -> None:
        """Take visitors up the funnel, by events in order."""
        events = np.flatnonzero(step >= 0)
        people, person = np.unique(visitor[events], return_inverse=True)
        reached = self.steps.at(people)
        since = np.full(len(people), -1, dtype=np.int64)
        highest = reached.copy()
        for number in range(len(FUNNEL)):
            mine = np.flatnonzero(step[events] == number)
            mine = mine[mine > since[person[mine]]][::-1]
            earliest = np.full(len(people), _NEVER, dtype=np.int64)
            earliest[person[mine]] = mine  # the last one written is the earliest
            before = reached > number
            since = np.where(before, -1, earliest)
            highest[~before & (earliest < _NEVER)] = number + 1
        self.steps.put(people, highest)

    def figures(self, plan: Plan, redelivered: int = 0) -> dict[str, Any]:
        """The truth file's content, as docs/architecture.md has it.

        `redelivered` are events that may have reached the store twice, since an answer was lost: more duplicates than were meant.
        """
        by_type = {name: int(count) for name, count in zip(KINDS, self.by_kind.tolist(), strict=True) if count}
        return {
            "version": VERSION,
            "site": "default",
            "seed": plan.seed,
            "sent": self.sent,
            "events": int(self.by_kind.sum()),
            "duplicates": self.duplicates,
            "late": self.late,
            "malformed": self.malformed,
            "redelivered": redelivered,
            "by_type": by_type,
            "orders": by_type.get("purchase", 0),
            "revenue": {CURRENCY: money(self.revenue_cents)} if "purchase" in by_type else {},
            "funnel": {name: self.steps.count(number + 1) for number, name in enumerate(FUNNEL)},
            "sessions": len(self.sessions) if isinstance(self.sessions, set) else self.sessions.count(1),
            "visitors": self.visitors.count(1),
            "from": None if self.last_ms < 0 else time_text(self.first_ms),
            "to": None if self.last_ms < 0 else time_text(self.last_ms),
        }

    def write(self, path: Path, plan: Plan, redelivered: int = 0) -> None:
        """Write the truth file, so that a reader never sees half of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.part")
        draft.write_text(json.dumps(self.figures(plan, redelivered), indent=1) + "\n")
        draft.replace(path)


def time_text(milliseconds: int) -> str:
    """A time as RFC 3339 in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
