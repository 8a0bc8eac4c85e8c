"""When events are due: the schedule with its bursts, and the rhythm of the shop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.simulate.pace import DAY_MS, HOUR_MS, Bursts, Schedule, in_sale, rhythm, start_before

MONDAY = 1_767_571_200_000  # 2026-01-05T00:00:00Z


def test_a_steady_rate_is_the_same_in_every_second() -> None:
    offsets = Schedule(100).offsets_ms(np.arange(1000))
    assert np.bincount(offsets // 1000).tolist() == [100] * 10


def test_bursts_come_after_each_interval_with_their_rate_and_end_after_their_duration() -> None:
    schedule = Schedule(10, Bursts(multiplier=5, interval_ms=10_000, duration_ms=2_000))
    per_second = np.bincount(schedule.offsets_ms(np.arange(1_000)) // 1000)
    assert per_second[:30].tolist() == [10] * 10 + [50] * 2 + [10] * 8 + [50] * 2 + [10] * 8
    assert [second for second in range(30) if schedule.bursting(second * 1000)] == [10, 11, 20, 21]


@given(st.floats(0.1, 100_000), st.floats(0.1, 100), st.integers(1_000, 400_000), st.floats(0.001, 1), st.integers(0, 10**7))
def test_events_are_never_due_before_the_one_before(rate: float, multiplier: float, interval: int, part: float, first: int) -> None:
    schedule = Schedule(rate, Bursts(multiplier, interval, max(int(interval * part), 1)))
    assert (np.diff(schedule.offsets_ms(np.arange(first, first + 500))) >= 0).all()


def test_evenings_are_busier_than_nights_and_the_week_keeps_its_mean() -> None:
    hours = np.arange(MONDAY, MONDAY + 7 * DAY_MS, HOUR_MS // 4)
    busy = rhythm(hours)
    of_hour = hours // HOUR_MS % 24
    assert busy[of_hour == 20].mean() > 5 * busy[of_hour == 3].mean()
    assert busy[~in_sale(hours)].mean() == pytest.approx(1, abs=0.05)
    assert np.flatnonzero(in_sale(hours)).tolist() == [
        i for i, h in enumerate(hours) if h // DAY_MS == MONDAY // DAY_MS + 3 and h // HOUR_MS % 24 in (18, 19)
    ]


@pytest.mark.parametrize("events", [1, 10_000, 20_000_000])
def test_a_start_leaves_room_for_the_events_and_not_much_more(events: int) -> None:
    end = MONDAY + 15 * HOUR_MS
    start = start_before(end, events, 20)
    minutes = np.arange(start, end, 60_000)
    happened = rhythm(minutes).sum() * 20 * 60
    assert events * 1.05 <= happened <= events * 1.05 + 20 * 1800 + 2 * 60 * 20 * 5
