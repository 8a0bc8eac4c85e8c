"""What the log and the store should hold, said as plainly as possible: lists, dicts and a Counter."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sent:
    """An event as a sender means it: its id, and all else that it says."""

    number: int
    content: tuple[object, ...]


@dataclass
class Written:
    """One append: where it stands, what was accepted, how many events were rejected, and whether it was damaged since."""

    offset: int
    events: list[Sent]
    rejected: int
    damaged: bool = False

    @property
    def count(self) -> int:
        return len(self.events) + self.rejected


@dataclass
class Held:
    """What a store should hold after some stretch of the log."""

    rows: dict[int, Sent] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    positions: Counter[int] = field(default_factory=Counter)

    def take(self, log: dict[int, list[Written]]) -> None:
        """Read every partition to its end, one after the other."""
        for partition in sorted(log):
            for entry in log[partition]:
                if entry.offset >= self.positions[partition]:
                    self._take(entry)
                    self.positions[partition] = entry.offset + entry.count

    def _take(self, entry: Written) -> None:
        if entry.damaged:
            self.outcomes["dead_letter"] += entry.count
            return
        for sent in entry.events:
            first = self.rows.setdefault(sent.number, sent)
            self.outcomes["stored" if first is sent else "duplicate" if first == sent else "dead_letter"] += 1
        self.outcomes["dead_letter"] += entry.rejected

    def copy(self) -> Held:
        """The same, to go back to."""
        return Held(dict(self.rows), copy.copy(self.outcomes), copy.copy(self.positions))
