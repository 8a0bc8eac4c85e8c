"""The span of time that a question is asked about, and its buckets, in the asker's time zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from ecompulse.analyze.wrong import WrongParameter

GRAINS: Final = ("minute", "hour", "day", "week", "month")
DEFAULT_SPAN: Final = timedelta(hours=24)
BUCKETS_MAX: Final = 5_000
"""More points than this no chart can show; it bounds the answer and the join."""

_EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_LOST_PLUS: Final = re.compile(r"(T\d{2}:\d{2}\S*) (\d{2}:?\d{2})$")
_GRAIN_UP_TO: Final = (
    ("minute", timedelta(hours=3)),
    ("hour", timedelta(days=4)),
    ("day", timedelta(days=120)),
    ("week", timedelta(days=800)),
)


class TimeRange(Struct, frozen=True):
    """From (included) to (not included), in whole UTC minutes, and the grain of its buckets in a time zone."""

    start: datetime
    end: datetime
    grain: str
    zone: ZoneInfo


def time_range(start: str | None, end: str | None, grain: str | None, zone: str | None, now: datetime) -> TimeRange:
    """Understand `from`, `to`, `grain` and `tz` as a person gave them. Raises `WrongParameter`.

    Minutes are the grain of the sums that the store keeps, so both ends are widened to whole ones: all questions cover the same span.
    """
    where = zone_named(zone or "UTC")
    until = instant("to", end, where) if end else now
    since = instant("from", start, where) if start else until - DEFAULT_SPAN
    since, whole = since.replace(second=0, microsecond=0), until.replace(second=0, microsecond=0)
    until = whole if whole == until else whole + timedelta(minutes=1)
    if since >= until:
        raise WrongParameter("from", f"{since.isoformat()} is not before 'to', {until.isoformat()}.")
    chosen = grain or next((name for name, span in _GRAIN_UP_TO if until - since <= span), "month")
    return TimeRange(since, until, chosen, where)


def zone_named(name: str) -> ZoneInfo:
    """An IANA time zone. Raises `WrongParameter`."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise WrongParameter("tz", f"'{name[:60]}' is no IANA time zone; an example is 'Europe/Berlin'.") from None


def instant(parameter: str, text: str, zone: ZoneInfo) -> datetime:
    """A date (midnight in the zone) or an RFC 3339 time (in the zone where it names none), in UTC. Raises `WrongParameter`."""
    try:
        if _DATE.fullmatch(text):
            told = datetime.combine(date.fromisoformat(text), datetime.min.time(), zone)
        else:
            told = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text))  # an unescaped + in an address arrives as a space
        moment = (told if told.tzinfo else told.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise WrongParameter(
            parameter, f"'{text[:60]}' is neither a date such as 2026-01-31 nor a time such as 2026-01-31T12:00:00Z."
        ) from None
    if not _EARLIEST <= moment <= _LATEST:
        raise WrongParameter(parameter, f"'{text[:60]}' is not between {_EARLIEST.year} and {_LATEST.year}.")
    return moment


def buckets(span: TimeRange) -> list[datetime]:
    """The edges of the buckets, in UTC, one more than there are buckets. Raises `WrongParameter` when there would be too many.

    Minutes and hours are steps of real time, so that an hour that a change of the clock repeats is two buckets; days, weeks (from
    Monday) and months are steps of the calendar, 23 to 25 hours long where the clock changes.
    """
    edges = [_floor(span.start, span.grain, span.zone)]
    while edges[-1] < span.end:
        if len(edges) > BUCKETS_MAX:
            raise WrongParameter("grain", f"'{span.grain}' makes more than {BUCKETS_MAX:,} buckets of this range; choose a coarser grain.")
        edges.append(_next(edges[-1], span.grain, span.zone))
    return edges


def _floor(moment: datetime, grain: str, zone: ZoneInfo) -> datetime:
    local = moment.astimezone(zone)
    if grain == "minute":
        return moment - timedelta(seconds=local.second, microseconds=local.microsecond)
    if grain == "hour":
        return moment - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    day = local.date()
    return _midnight({"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}[grain], zone)


def _next(edge: datetime, grain: str, zone: ZoneInfo) -> datetime:
    if grain in ("minute", "hour"):
        return edge + timedelta(**{f"{grain}s": 1})
    day = edge.astimezone(zone).date()  # where the clock jumps over midnight the edge is 01:00 of that day
    if grain == "month":
        return _midnight((day.replace(day=1) + timedelta(days=32)).replace(day=1), zone)
    return _midnight(day + timedelta(days=7 if grain == "week" else 1), zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)
