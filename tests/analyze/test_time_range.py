"""Ranges and their buckets, across changes of the clock."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.analyze.time_range import GRAINS, buckets, time_range
from ecompulse.analyze.wrong import WrongParameter

NOW = datetime(2026, 3, 10, 12, 0, 30, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Santiago", "Asia/Beirut")


def edges(start: str, end: str, grain: str, zone: str) -> list[datetime]:
    return buckets(time_range(start, end, grain, zone, NOW))


def test_nothing_said_is_the_last_24_hours_in_whole_minutes() -> None:
    span = time_range(None, None, None, None, NOW)
    assert (span.start, span.end, span.grain) == (datetime(2026, 3, 9, 12, 0, tzinfo=UTC), datetime(2026, 3, 10, 12, 1, tzinfo=UTC), "hour")


def test_a_date_is_midnight_where_the_asker_is() -> None:
    assert time_range("2026-07-01", "2026-07-02", None, "Europe/Berlin", NOW).start == datetime(2026, 6, 30, 22, tzinfo=UTC)


def test_a_plus_that_became_a_space_on_its_way_is_understood() -> None:
    assert time_range("2026-03-01T00:00:00 02:00", None, None, None, NOW).start == datetime(2026, 2, 28, 22, tzinfo=UTC)


def test_the_day_the_clock_goes_forward_has_23_hours() -> None:
    days = edges("2026-03-28", "2026-03-31", "day", "Europe/Berlin")
    assert [later - earlier for earlier, later in itertools.pairwise(days)] == [
        timedelta(hours=24),
        timedelta(hours=23),
        timedelta(hours=24),
    ]


def test_an_hour_that_the_clock_repeats_is_two_buckets() -> None:
    assert len(edges("2026-10-25", "2026-10-26", "hour", "Europe/Berlin")) - 1 == 25


def test_hours_of_a_zone_with_half_an_hour_begin_with_its_own() -> None:
    assert edges("2026-03-01T00:10:00Z", "2026-03-01T02:00:00Z", "hour", "Asia/Kolkata")[0] == datetime(2026, 2, 28, 23, 30, tzinfo=UTC)


def test_weeks_begin_on_monday_and_months_with_the_first() -> None:
    assert edges("2026-03-11", "2026-03-12", "week", "UTC")[0] == datetime(2026, 3, 9, tzinfo=UTC)
    assert edges("2026-02-11", "2026-04-02", "month", "UTC") == [datetime(2026, month, 1, tzinfo=UTC) for month in (2, 3, 4, 5)]


@given(
    start=st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001 — hypothesis wants them bare; they are read as UTC
    minutes=st.integers(1, 60 * 24 * 60),
    grain=st.sampled_from(GRAINS),
    zone=st.sampled_from(ZONES),
)
def test_buckets_cover_the_range_without_a_gap(start: datetime, minutes: int, grain: str, zone: str) -> None:
    if grain == "minute":
        minutes = min(minutes, 4_000)
    end = start + timedelta(minutes=minutes)
    span = time_range(f"{start.isoformat()}Z", f"{end.isoformat()}Z", grain, zone, NOW)
    found = buckets(span)
    assert found[0] <= span.start < found[1]
    assert found[-2] < span.end <= found[-1]
    assert all(earlier < later for earlier, later in itertools.pairwise(found))


@pytest.mark.parametrize(
    ("parameter", "asked"),
    [
        ("from", ("yesterdayish", None, None, None)),
        ("from", ("2026-02-30", None, None, None)),
        ("from", ("0001-01-01", None, None, None)),
        ("from", ("2026-03-11", "2026-03-10", None, None)),
        ("to", (None, "9999-12-31T23:59:59Z", None, None)),
        ("tz", (None, None, None, "Mars/Olympus")),
        ("tz", (None, None, None, "../../etc/passwd")),
        ("tz", (None, None, None, "Europe")),
    ],
)
def test_a_wrong_word_is_named(parameter: str, asked: tuple[str | None, ...]) -> None:
    with pytest.raises(WrongParameter) as wrong:
        time_range(*asked, NOW)
    assert wrong.value.parameter == parameter


def test_too_many_buckets_name_the_grain() -> None:
    with pytest.raises(WrongParameter, match="coarser"):
        edges("2020-01-01", "2026-01-01", "minute", "UTC")
