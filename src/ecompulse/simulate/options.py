"""What a run of the synthetic shop was asked for, as typed, and the checked plan that follows from it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from ecompulse.simulate.pace import DAY_MS, HOUR_MS, Bursts, start_before

Mix = Literal["shop", "service", "catalogue"]
MIXES: tuple[Mix, ...] = ("shop", "service", "catalogue")

DEFAULT_RATE = 10.0
SERVICE_BURST_MULTIPLIER = 10.0
SHOP_DENSITY = 20.0
"""Events a second of the shop's own time when they are sent as fast as possible: a shop of some 1.7 million events a day."""
ENDLESS_DENSITY = 300.0
"""The same when no number of events is given: at 200,000 a second it takes half a day to use up the year behind us."""
DEMO_DENSITY = 38.0
DEMO_HISTORY_MS = 40 * 60_000  # more than the half hour that the live page shows, and sent in a few seconds
ENDLESS_HISTORY_MS = 365 * DAY_MS
LATE_MS_MAX = 3 * DAY_MS
"""How late a late event is at most: a phone in a drawer for a weekend."""
RATE_MAX = 400_000.0
"""Above it, pacing by the clock means nothing (ask for `max`), and two events of one visitor could share a millisecond."""
EARLIEST_MS = 946_684_800_000 + LATE_MS_MAX  # the contract takes times from the year 2000


class OptionError(ValueError):
    """An option that cannot be followed; the message says which, why, and what to give instead."""


@dataclass(frozen=True, slots=True)
class Options:
    """The flags of `ecompulse simulate`, as typed; texts and values are both taken.

    `rate` is events a second or `max`; `start` an ISO 8601 time; the shares are `1%` or `0.01`;
    `to` is a collector's address, a folder, or `-` for standard output.
    """

    seed: int = 1
    events: int | None = None
    rate: str | float | None = None
    start: str | datetime | None = None
    mix: str | None = None
    to: str | Path = "-"
    truth: str | Path | None = None
    duplicates: str | float = 0.0
    late: str | float = 0.0
    malformed: str | float = 0.0
    demo: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where events go: `lines` on standard output, files in a `folder`, or a collector by `http`."""

    kind: Literal["lines", "folder", "http"]
    address: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked run. `per_second` is None for as fast as possible; `density` is events a second of the shop's own time.

    `scheduled` says that times follow the rate and its bursts; otherwise they follow the rhythm of the shop.
    `live` says that they are today's. What comes before `from_ms` is made but not sent.
    """

    seed: int
    events: int | None
    per_second: float | None
    density: float
    scheduled: bool
    live: bool
    start_ms: int
    from_ms: int
    bursts: Bursts
    mix: Mix
    target: Target
    truth: Path | None
    duplicates: float
    late: float
    malformed: float
    demo: bool


def plan(options: Options, environment: Mapping[str, str] = os.environ, now: datetime | None = None) -> Plan:
    """Check the options against each other, and fill in what was not given.

    Raises:
        OptionError: an option cannot be followed.
    """
    now_ms = int((now or datetime.now(UTC)).timestamp() * 1000)
    target = _target(str(options.to))
    mix = _mix(options.mix, target)
    if options.events is not None and options.events < 1:
        raise OptionError(f"--events is {options.events}: give 1 or more, or leave it out to go on without end")
    per_second = _rate(options.rate, environment)
    bursts = _bursts(environment, mix, options.demo)
    scheduled = not options.demo and (mix != "shop" or per_second is not None)
    density = _density(options, per_second, mix, environment)
    from_ms = 0
    if options.start is not None:
        start_ms = _start(options.start)
        if target.kind == "http" and start_ms > now_ms + DAY_MS:
            raise OptionError(f"--start {options.start} is more than a day ahead: a collector takes no events from the future")
    elif options.demo:  # each hour begins anew and makes the same events, so that a demonstration that is started again repeats none
        from_ms = now_ms - DEMO_HISTORY_MS
        start_ms = (from_ms // HOUR_MS - 1) * HOUR_MS  # whoever came in the hour before may still be there
    elif per_second is not None:
        start_ms = now_ms
    elif options.events is None:
        start_ms = now_ms - ENDLESS_HISTORY_MS
    elif scheduled:  # with bursts it takes less, never more
        start_ms = now_ms - int(options.events / density * 1000) - 1000
    else:
        start_ms = start_before(now_ms, options.events, density)
    return Plan(
        seed=options.seed,
        events=options.events,
        per_second=per_second,
        density=density,
        scheduled=scheduled,
        live=options.start is None and (per_second is not None or options.demo),
        start_ms=start_ms,
        from_ms=max(from_ms, start_ms),
        bursts=bursts,
        mix=mix,
        target=target,
        truth=None if options.truth is None else Path(options.truth),
        duplicates=_share("--duplicates", options.duplicates),
        late=_share("--late", options.late),
        malformed=_share("--malformed", options.malformed),
        demo=options.demo,
    )


def _target(to: str) -> Target:
    if to == "-":
        return Target("lines", to)
    scheme = urlsplit(to).scheme if "://" in to else ""
    if scheme in ("http", "https"):
        return Target("http", to.rstrip("/"))
    if scheme in ("redis", "rediss", "kafka"):
        extra = "kafka" if scheme == "kafka" else "redis"
        raise OptionError(f"--to {to}: sending to {scheme}:// needs the extra {extra}: pip install 'ecompulse[{extra}]'")
    if scheme:
        raise OptionError(f"--to {to}: {scheme}:// is not known: give http://host:port, a folder, or - for standard output")
    return Target("folder", to)


def _mix(mix: str | None, target: Target) -> Mix:
    if mix is None:
        return "catalogue" if target.kind == "folder" else "shop"
    if mix not in MIXES:
        raise OptionError(f"--mix {mix} is not known: give one of {', '.join(MIXES)}")
    return mix


def _rate(rate: str | float | None, environment: Mapping[str, str]) -> float | None:
    """Events a second; None means as fast as possible."""
    if rate is None:
        text = environment.get("EVENTS_PER_SECOND")
        return DEFAULT_RATE if text is None else _number("EVENTS_PER_SECOND", text, RATE_MAX)
    if isinstance(rate, str):
        if rate.strip().lower() == "max":
            return None
        rate = rate.strip().removesuffix("/s")
    return _number("--rate", rate, RATE_MAX)


def _density(options: Options, per_second: float | None, mix: Mix, environment: Mapping[str, str]) -> float:
    if options.demo and options.rate is None:
        return DEMO_DENSITY
    if per_second is not None:
        return per_second
    if mix != "shop":
        return _number("EVENTS_PER_SECOND", environment.get("EVENTS_PER_SECOND", DEFAULT_RATE), RATE_MAX)
    return SHOP_DENSITY if options.events is not None or options.start is not None else ENDLESS_DENSITY


def _bursts(environment: Mapping[str, str], mix: Mix, demo: bool) -> Bursts:
    """Bursts as the environment says; without it, the service mix bursts as its seed describes and a demonstration a little."""
    usual = Bursts()
    multiplier = SERVICE_BURST_MULTIPLIER if mix == "service" else 1.5 if demo else usual.multiplier
    bursts = Bursts(
        multiplier=_number("BURST_MULTIPLIER", environment.get("BURST_MULTIPLIER", multiplier), 10_000),
        interval_ms=int(_number("BURST_INTERVAL_MS", environment.get("BURST_INTERVAL_MS", usual.interval_ms), 366 * DAY_MS)),
        duration_ms=int(_number("BURST_DURATION_MS", environment.get("BURST_DURATION_MS", usual.duration_ms), 366 * DAY_MS)),
    )
    if bursts.duration_ms > bursts.interval_ms:
        raise OptionError(f"BURST_DURATION_MS is {bursts.duration_ms}: it must not be longer than BURST_INTERVAL_MS, {bursts.interval_ms}")
    return bursts


def _number(name: str, value: str | float, most: float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 < number <= most:
        raise OptionError(f"{name} is {value!r}: give a number above 0, at most {most:,.0f}" + (", or max" if name == "--rate" else ""))
    return number


def _share(name: str, value: str | float) -> float:
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(%?)\s*", str(value))
    share = float(found[1]) / (100 if found[2] else 1) if found else -1.0
    if not 0 <= share <= 0.5:
        raise OptionError(f"{name} is {value!r}: give a share such as 1% or 0.01, at most 50%")
    return share


def _start(start: str | datetime) -> int:
    try:
        moment = datetime.fromisoformat(start) if isinstance(start, str) else start
    except ValueError:
        raise OptionError(f"--start is {start!r}: give an ISO 8601 time such as 2026-01-01T00:00:00Z") from None
    milliseconds = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    if milliseconds < EARLIEST_MS:
        raise OptionError(f"--start is {start}: events are taken from the year 2000 on; give 2000-01-04 or later")
    return milliseconds
