"""What of a range is whole hours, whose sums are kept, and which pieces of hours are left, whose events have to be read."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

HOUR: Final = timedelta(hours=1)
PIECES_MAX: Final = 70
"""Each piece is a part of the statement; a month of days that begin within an hour has two a day. With more, all events are read."""


class Hours(Struct, frozen=True):
    """Whole UTC hours from `start` to before `end`, without those that are `cut`; the rest of the range, in pieces that no edge parts."""

    start: datetime
    end: datetime
    cut: list[datetime]
    pieces: list[tuple[datetime, datetime]]


def whole_hours(start: datetime, end: datetime, edges: Sequence[datetime] = ()) -> Hours | None:
    """Part a range, in UTC, whose buckets end at the edges; None where sums of hours are of no use for it."""
    first, last = _floor(start + HOUR - timedelta(microseconds=1)), _floor(end)
    inside = [edge for edge in edges if start < edge < end]
    cut = sorted({_floor(edge) for edge in inside if edge != _floor(edge) and first <= _floor(edge) < last})
    spans = [(start, first), (last, end), *((hour, hour + HOUR) for hour in cut)]
    if (last - first) // HOUR <= len(cut):
        return None
    pieces = [
        piece
        for since, until in spans
        for piece in itertools.pairwise([since, *(edge for edge in inside if since < edge < until), until])
        if piece[0] < piece[1]
    ]
    return Hours(first, last, cut, pieces) if len(pieces) <= PIECES_MAX else None


def _floor(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
