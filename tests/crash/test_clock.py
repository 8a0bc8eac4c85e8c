"""A machine whose clock is set a day ahead or back while events come loses none, waits for nothing, and is right again afterwards."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.conftest import RunningSystem, wait_until
from tests.crash.account import Account, Sending, load, progress
from tests.crash.clock import BACK_SECONDS, DAY_SECONDS, WallClock
from tests.crash.conftest import SETTINGS
from tests.crash.harness import each_is_there_once, in_flight, kill, served_again

RETENTION_LOOKS_SECONDS = 6.0
"""The log is looked at for old files every five seconds."""
FRESH_SECONDS = 10.0


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    return WallClock(tmp_path)


@pytest.fixture
def set_system(make_system: Callable[..., RunningSystem], clock: WallClock) -> RunningSystem:
    """A system with that clock, which may delete files of the log after an hour."""
    return make_system(**SETTINGS, **clock.settings, ECOMPULSE_LOG_KEEP_TIME="1h").start()


def as_of_error(system: RunningSystem) -> float:
    """Seconds between what the answers say of their completeness and the true time."""
    said = datetime.fromisoformat(system.ask("top-products")["as_of"])
    return abs((datetime.now(UTC) - said).total_seconds())


def longest_pause(account: Account, seconds: float) -> float:
    """Seconds of the longest pause between acknowledgements while so much time passes."""
    until, seen, since, longest = time.monotonic() + seconds, len(account.acknowledged), time.monotonic(), 0.0

    def passed() -> bool:
        nonlocal seen, since, longest
        now = time.monotonic()
        longest = max(longest, now - since)
        if len(account.acknowledged) != seen:
            seen, since = len(account.acknowledged), now
        return now >= until

    wait_until(passed, seconds + 5, "that time")
    return longest


def stored_soon(system: RunningSystem) -> datetime:
    """Send an event with the time that is; returns the time that its row has."""
    name, now = str(uuid.uuid4()), datetime.now(UTC)
    one = {"event_id": name, "event_type": "page_view", "user_id": "probe", "timestamp": now.isoformat(), "sent_at": now.isoformat()}
    assert system.send({**one, "properties": {"page_url": "https://shop.example/"}}).status == 202
    system.wait_stored([name], FRESH_SECONDS)
    return datetime.fromisoformat(system.sql(f"select timestamp from events where event_id = '{name}'")[0][0])


def test_a_clock_that_jumps_a_day_loses_nothing_and_stops_nothing(set_system: RunningSystem, clock: WallClock) -> None:
    system = set_system
    with load(system, seed=1) as filled, load(system, seed=2, sending=Sending(stamped=True)) as stamped:
        progress(stamped, 1_000)
        first_file = min((system.data / "log/0").glob("*.sqlite"))
        for ahead in (DAY_SECONDS, 0, -BACK_SECONDS, 0):
            clock.set_ahead(ahead)
            progress(filled)
            progress(stamped)
            if ahead > 0:
                assert longest_pause(stamped, RETENTION_LOOKS_SECONDS) < 3
                assert first_file.exists(), "a file of the log was deleted as old because the clock was set ahead"
            if ahead:
                for role in ("collect", "process"):
                    began = time.monotonic()
                    kill(system, role)
                    served_again(system, role, began)
            progress(stamped)
            wait_until(lambda: in_flight(system) < 2_000, 30, "processing keeping up")
        wait_until(lambda: as_of_error(system) < FRESH_SECONDS, 30, "answers that say how fresh they are")
        assert abs((stored_soon(system) - datetime.now(UTC)).total_seconds()) < 60
    wait_until(lambda: system.ask("top-products")["lag_seconds"] < 5, 30, "no lag")
    for account in (filled, stamped):
        each_is_there_once(system, account)
