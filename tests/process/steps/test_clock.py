"""Device clocks: corrected by their skew, never by a delay, and never so that the order of a session changes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecompulse.process.step import Context, StatefulStep
from ecompulse.process.steps.clock import ClockSkew

from .rows import NOON, batch_of

CONTEXT = Context()


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def sent(at: float, *, skew: float = 0, delay: float = 0.08, before: float = 0, **more: Any) -> dict[str, Any]:
    """An event received `at` seconds after noon, sent `delay` earlier by a clock that is `skew` behind, captured `before` sending."""
    device = NOON + seconds(at - delay - skew)
    return {
        "anonymous_id": "d",
        "session_id": "s",
        "received_at": NOON + seconds(at),
        "sent_at": device,
        "timestamp": device - seconds(before),
        **more,
    }


def times(step: ClockSkew, *rows: dict[str, Any]) -> list[float]:
    """Corrected times in seconds after noon."""
    return [(row["timestamp"] - NOON).total_seconds() for row in step(batch_of(*rows), CONTEXT).to_pylist()]


def test_a_healthy_device_is_not_shifted_by_its_network_delay() -> None:
    for delay in (0.08, 5, 59):
        assert times(ClockSkew(), sent(100, delay=delay)) == [100 - delay]


def test_a_clock_that_is_off_is_corrected_by_the_smallest_difference_seen() -> None:
    for skew in (3600, -3600, 86_400 * 300):
        step = ClockSkew()
        assert times(step, sent(0, skew=skew, delay=2, session_id="a"), sent(10, skew=skew, delay=1, before=5, session_id="b")) == [
            0,
            10 - 1 - 5 + 1,
        ]


def test_what_the_device_said_is_kept() -> None:
    event = sent(0, skew=3600)
    [row] = ClockSkew()(batch_of(event), CONTEXT).to_pylist()
    assert row["device_timestamp"] == event["timestamp"] != row["timestamp"]


def test_a_request_that_was_delayed_for_hours_does_not_move_a_healthy_device() -> None:
    step = ClockSkew()
    assert times(step, sent(0, session_id="a"), sent(7200, delay=7000, session_id="b")) == [-0.08, 200]


def test_a_clock_that_was_set_right_is_not_corrected_any_longer() -> None:
    step = ClockSkew()
    assert times(step, sent(0, skew=-3600, session_id="a"), sent(100, session_id="b"), sent(7200, delay=7000, session_id="c")) == [
        0,
        99.92,
        200,
    ]


def test_a_session_keeps_the_correction_of_its_first_event_whatever_is_learned_later() -> None:
    step = ClockSkew()
    first = times(step, sent(10, skew=3600, delay=10), sent(11, skew=3600, delay=1))
    assert first == [10, 20], "both moved by 3610 s"
    assert times(step, sent(20, skew=3600, delay=1, session_id="next")) == [20], "the next session by 3601 s"


def test_two_sites_and_two_devices_learn_nothing_from_each_other() -> None:
    step = ClockSkew()
    times(step, sent(0))
    assert times(step, sent(7200, skew=7000, delay=0, session_id="x", site="other")) == [7200]
    assert times(step, sent(7200, skew=7000, delay=0, session_id="y", anonymous_id="e")) == [7200]
    assert times(step, sent(7200, skew=7000, delay=0, session_id="z")) == [200], "this device is known to be right: that was a delay"


@pytest.mark.parametrize(
    "change",
    [
        {"sent_at": None},
        {"filled": 2},
        {"sent_at": datetime(1999, 12, 31, tzinfo=NOON.tzinfo), "timestamp": datetime(1999, 12, 31, tzinfo=NOON.tzinfo)},
        {"sent_at": datetime(9999, 1, 1, tzinfo=NOON.tzinfo)},
        {"timestamp": NOON},  # captured an hour after it was sent
    ],
)
def test_a_time_without_a_sent_at_that_can_be_is_left_alone(change: dict[str, Any]) -> None:
    event = {**sent(0, skew=3600), **change}
    assert times(ClockSkew(), event) == [(event["timestamp"] - NOON).total_seconds()]


def test_no_event_comes_to_lie_more_than_a_day_after_its_receipt() -> None:
    step = ClockSkew()
    assert times(step, sent(0, skew=200_000, delay=0), sent(10, delay=0)) == [0, 10], "the clock was set within the session"


def test_events_without_a_session_id_count_as_one_session_a_day() -> None:
    step, day = ClockSkew(), 86_400
    morning = [sent(10, skew=3600, delay=10, session_id=None), sent(11, skew=3600, delay=1, session_id=None)]
    assert times(step, *morning, sent(day, skew=3600, delay=5, session_id=None)) == [10, 20, day + 1 - 5]


def test_who_comes_every_day_is_remembered_and_who_stays_away_for_two_is_forgotten() -> None:
    step, day = ClockSkew(), 86_400
    times(step, sent(0))
    assert times(step, sent(day + 40_000, delay=3600, session_id="t")) == [day + 36_400], "known to be right: that was a delay"
    assert times(step, sent(4 * day, skew=3600, delay=0, session_id="u")) == [4 * day], "not known any more: that is its clock"


def test_the_memory_is_bounded() -> None:
    step = ClockSkew(keys_max=100)
    rows = [sent(number, anonymous_id=f"d{number}") for number in range(2_000)]
    step(batch_of(*rows), CONTEXT)
    assert len(step._recent) <= 100
    assert len(step._older) <= 100
    assert len(step.state()) < 2_000


def test_an_empty_batch_and_one_without_the_columns_pass() -> None:
    assert ClockSkew()(batch_of(), CONTEXT).num_rows == 0
    assert isinstance(ClockSkew(), StatefulStep)


DIFFERENCES = st.sampled_from([0.0, 0.08, 59.9, 60.1, 61.0, 3600.0, 3601.5, -59.0, -61.0, -3600.0, -3599.0])


@st.composite
def streams(draw: st.DrawFn, pauses: tuple[float, ...] = (0.0, 0.5, 30.0, 20_000.0, 90_000.0)) -> list[dict[str, Any]]:
    at, rows = 0.0, []
    for _ in range(draw(st.integers(1, 40))):
        at += draw(st.sampled_from(pauses))
        rows.append(
            sent(
                at,
                skew=draw(DIFFERENCES),
                delay=0,
                before=draw(st.sampled_from([0.0, 1.0, 4000.0])),
                anonymous_id=draw(st.sampled_from(["d", "e", None])),
                session_id=draw(st.sampled_from(["s", "t", None])),
                user_id=draw(st.sampled_from(["u", "v"])),
                filled=draw(st.sampled_from([0, 0, 0, 2])),
                site=draw(st.sampled_from(["default", "default", "other"])),
            )
        )
        if draw(st.integers(0, 9)) == 0:
            rows[-1]["sent_at"] = None
    return rows


@settings(deadline=None, max_examples=150)
@given(streams(), st.data(), st.sampled_from([6, 8, 20, 65_536]))
def test_batches_stops_and_repeats_do_not_change_a_single_time(rows: list[dict[str, Any]], data: st.DataObject, keys_max: int) -> None:
    whole = batch_of(*rows)
    expected = ClockSkew(keys_max)(whole, CONTEXT)
    step, parts, start = ClockSkew(keys_max), [], 0
    while start < len(rows):
        count = data.draw(st.integers(1, len(rows) - start))
        parts.append(step(whole.slice(start, count), CONTEXT))
        start += count
        saved, step = step.state(), ClockSkew(keys_max)
        step.restore(saved)
    assert pa.Table.from_batches(parts).combine_chunks().to_batches()[0].equals(expected)


@settings(deadline=None, max_examples=150)
@given(streams((0.0, 0.5, 30.0, 900.0)))
def test_the_order_of_capture_within_a_session_never_changes(rows: list[dict[str, Any]]) -> None:
    moves: dict[tuple[str | None, ...], set[timedelta]] = {}
    for row in ClockSkew()(batch_of(*rows), CONTEXT).to_pylist():
        if row["session_id"] and row["sent_at"] and not row["filled"]:
            session = row["site"], row["anonymous_id"] or row["session_id"], row["session_id"]
            moves.setdefault(session, set()).add(row["timestamp"] - row["device_timestamp"])
    assert all(len(by) == 1 for by in moves.values()), "every event of a session moves by the same amount"


@settings(deadline=None, max_examples=150)
@given(streams((0.0, 0.5, 30.0, 900.0)), st.data())
def test_to_apply_rows_again_in_parts_changes_nothing(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    step, batch = ClockSkew(), batch_of(*rows)
    first, state = step(batch, CONTEXT), step.state()
    cut = data.draw(st.integers(0, len(rows)))
    again = [step(part, CONTEXT) for part in (batch.slice(0, cut), batch.slice(cut))]
    assert pa.Table.from_batches(again).combine_chunks().to_batches()[0].equals(first)
    assert step.state() == state
