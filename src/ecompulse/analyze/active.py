"""When people or sessions were active: the spans of time that hold their events, so that only those have to be read."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from ecompulse.analyze.statement import answered
from ecompulse.store import Snapshot

SPANS_MAX: Final = 20
"""Each is a condition of the statement; of more, those with the least time between them become one."""

Span = tuple[datetime, datetime]


def active(
    picture: Snapshot, *, people: Sequence[str] = (), session: str | None = None, since: datetime | None = None
) -> dict[str, list[datetime]]:
    """The spans of a session's events, or of all that these people and their devices may have sent: `began` and `ended`, both included.

    An event outside of them is not theirs; inside there are others' events, too. Both lists are empty when there is nothing.
    """
    values: dict[str, Any] = {"people": list(people), "session": session, "since": since}
    rows = answered(picture, "active", values).to_pylist()
    spans = joined([(row["began_at"], row["ended_at"]) for row in rows], SPANS_MAX)
    return {"began": [began for began, _ in spans], "ended": [ended for _, ended in spans]}


def joined(spans: Sequence[Span], most: int) -> list[Span]:
    """Spans in the order of their beginnings as at most so many: where they overlap, and then over the shortest pauses, they become one."""
    apart: list[Span] = []
    for began, ended in spans:
        if apart and began <= apart[-1][1]:
            apart[-1] = apart[-1][0], max(apart[-1][1], ended)
        else:
            apart.append((began, ended))
    pauses = sorted(range(1, len(apart)), key=lambda at: apart[at][0] - apart[at - 1][1], reverse=True)
    edges = [0, *sorted(pauses[: most - 1]), len(apart)]
    return [(apart[first][0], apart[last - 1][1]) for first, last in itertools.pairwise(edges) if first < last]
