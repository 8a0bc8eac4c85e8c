"""Questions that run too long: each is ended by itself, once, and none after its end."""

from __future__ import annotations

import threading

from ecompulse.store.duckdb.deadlines import TICK_SECONDS, Deadlines


def test_only_what_is_late_is_ended() -> None:
    deadlines, ended, other = Deadlines(), threading.Event(), threading.Event()
    with deadlines.within(30, other.set) as patient, deadlines.within(0.01, ended.set) as late:
        assert ended.wait(10)
        assert late.passed
        assert not patient.passed
    deadlines.close()
    assert not other.is_set()


def test_what_is_over_in_time_is_not_ended_and_the_next_one_still_is() -> None:
    deadlines = Deadlines()
    for seconds in (0.0, TICK_SECONDS, 3 * TICK_SECONDS):  # the thread rests in between, and is woken again
        with deadlines.within(0.0, lambda: None):
            pass
        ended = threading.Event()
        with deadlines.within(seconds, ended.set):
            assert ended.wait(10)
    deadlines.close()


def test_it_closes_while_something_is_open() -> None:
    deadlines, ended = Deadlines(), threading.Event()
    with deadlines.within(60, ended.set):
        deadlines.close()
    assert not ended.is_set()
