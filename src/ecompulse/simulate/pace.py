"""When events happen: a steady rate with bursts, or the rhythm of a shop's day and week."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ecompulse.simulate.numbers import Times

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

# visits of each hour (UTC) and weekday (Monday first) relative to the mean: quiet nights, a lunch hump, busy evenings, full Sundays
HOURS = np.array(
    [
        0.35,
        0.22,
        0.16,
        0.13,
        0.15,
        0.25,
        0.48,
        0.75,
        0.98,
        1.12,
        1.20,
        1.26,
        1.30,
        1.22,
        1.15,
        1.12,
        1.18,
        1.34,
        1.56,
        1.80,
        1.86,
        1.62,
        1.14,
        0.66,
    ]
)
WEEKDAYS = np.array([1.02, 0.96, 0.94, 0.98, 0.96, 1.00, 1.14])
SALE_WEEKDAY, SALE_FIRST_HOUR, SALE_LAST_HOUR, SALE_FACTOR = 3, 18, 20, 2.5
EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday


@dataclass(frozen=True, slots=True)
class Bursts:
    """From `interval_ms` on, every `interval_ms`, the rate is `multiplier` times higher for `duration_ms`."""

    multiplier: float = 1.0
    interval_ms: int = 300_000
    duration_ms: int = 30_000


@dataclass(frozen=True, slots=True)
class Schedule:
    """A steady rate of events, in events a second, with bursts."""

    per_second: float
    bursts: Bursts = Bursts()

    def offsets_ms(self, numbers: npt.NDArray[np.int64]) -> Times:
        """How long after the start each event is due, in milliseconds, by its number from 0: the inverse of the summed rate."""
        per_ms = self.per_second / 1000
        interval, duration, multiplier = self.bursts.interval_ms, self.bursts.duration_ms, self.bursts.multiplier
        calm = interval * per_ms
        in_burst = duration * multiplier * per_ms
        period = in_burst + (interval - duration) * per_ms
        after = np.maximum(numbers - calm, 0.0)
        whole, rest = np.divmod(after, period)
        within = np.where(rest < in_burst, rest / (multiplier * per_ms), duration + (rest - in_burst) / per_ms)
        return np.where(numbers < calm, numbers / per_ms, interval * (1 + whole) + within).astype(np.int64)

    def bursting(self, offset_ms: float) -> bool:
        """Whether a moment after the start lies in a burst."""
        return (
            self.bursts.multiplier != 1
            and offset_ms >= self.bursts.interval_ms
            and offset_ms % self.bursts.interval_ms < self.bursts.duration_ms
        )


def in_sale(times: Times) -> npt.NDArray[np.bool_]:
    """Whether the weekly flash sale is on."""
    weekday, hour = (times // DAY_MS + EPOCH_WEEKDAY) % 7, times // HOUR_MS % 24
    return np.asarray((weekday == SALE_WEEKDAY) & (hour >= SALE_FIRST_HOUR) & (hour < SALE_LAST_HOUR))


def rhythm(times: Times) -> npt.NDArray[np.float64]:
    """How busy a shop is at each time in milliseconds, relative to its mean: by hour and weekday, without steps, and in sales."""
    hours = times / HOUR_MS - 0.5
    earlier = np.floor(hours).astype(np.int64)
    share = hours - earlier
    by_hour = HOURS[earlier % 24] * (1 - share) + HOURS[(earlier + 1) % 24] * share
    by_day = WEEKDAYS[(times // DAY_MS + EPOCH_WEEKDAY) % 7]
    return np.asarray(by_hour * by_day * np.where(in_sale(times), SALE_FACTOR, 1.0))


def wobble(times: Times) -> npt.NDArray[np.float64]:
    """A rhythm to look at in a live demonstration: it breathes within minutes, from about half to one and a half of the mean."""
    minutes = times / 60_000
    return np.asarray(1 + 0.3 * np.sin(minutes * 2 * np.pi / 7) + 0.2 * np.sin(minutes * 2 * np.pi / 2.3))


def flat(times: Times) -> npt.NDArray[np.float64]:
    """No rhythm: the schedule sets the pace."""
    return np.ones(len(times))


def start_before(end_ms: int, events: int, per_second: float) -> int:
    """The full minute from which `events` events in the shop's rhythm, and some to spare, have happened by `end_ms`."""
    minute = 60_000
    needed, at = events * 1.05 + per_second * 1800, end_ms // minute * minute
    while needed > 0:  # a day at a time: a hundred million events are two months
        minutes = at - minute * np.arange(1, 1441, dtype=np.int64)
        summed = np.cumsum(rhythm(minutes) * per_second * 60)
        enough = int(np.searchsorted(summed, needed))
        if enough < len(summed):
            return int(minutes[enough])
        needed, at = needed - float(summed[-1]), int(minutes[-1])
    return at
