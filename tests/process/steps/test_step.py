"""The list of steps: its promises are checked, and whatever the events hold, nothing falls."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecompulse.contract.columns import STORED
from ecompulse.process.step import Context, Rate, StepFailed, Steps
from ecompulse.process.steps import default_steps
from ecompulse.process.steps.columns import Coded, code, join
from ecompulse.process.steps.country import GeoDatabaseUnreadable

from .rows import NOON, batch_of

CONTEXT = Context(rates={"USD": (Rate(Decimal("0.9")),)}, site_currencies={"uk": "GBP"})
TEXT = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.sampled_from([
        "https://shop.example/a?utm_source=x&gclid=1", "https://www.google.com/", "http://[", "%", "?&=", "//", "mailto:a",
        "Mozilla/5.0 (X11; Linux)", "Googlebot/2.1", "\x00", "\x1f", "1.2.3.4", "::1", "EUR", "USD", "x" * 5000,
    ]),
)  # fmt: skip
TEXT_COLUMNS = (
    "user_id",
    "anonymous_id",
    "session_id",
    "page_url",
    "screen_name",
    "referrer",
    "user_agent",
    "ip_address",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "currency",
)
TIMES = st.one_of(st.just(NOON), st.integers(946_684_800, 1_900_000_000).map(lambda time: datetime.fromtimestamp(time, UTC)))
ROWS = st.fixed_dictionaries(
    {
        **dict.fromkeys(TEXT_COLUMNS, TEXT),
        "site": st.sampled_from(["default", "uk", ""]),
        "event_type": st.sampled_from(["page_view", "purchase", "add_to_cart", "custom"]),
        "source": st.sampled_from([None, "web", "mobile", "server"]),
        "timestamp": TIMES,
        "sent_at": st.one_of(st.none(), TIMES),
        "received_at": TIMES,
        "filled": st.integers(0, 3),
        "total": st.one_of(st.none(), st.decimals(0, Decimal("99999999999999.9999"), places=4)),
        "price": st.one_of(st.none(), st.decimals(0, 100, places=4)),
    }
)


@settings(deadline=None, max_examples=60)
@given(st.lists(ROWS, max_size=12), st.data())
def test_whatever_the_events_hold_batches_do_not_change_the_rows_and_all_are_kept_in_order(
    rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    batch = batch_of(*rows)
    whole = Steps(default_steps()).apply(batch, CONTEXT)
    assert whole.select(["event_id"]).equals(batch.select(["event_id"]))
    added = set(STORED.names) - set(batch.schema.names) - {"fingerprint", "log_partition", "log_offset"}
    assert added <= set(whole.schema.names)
    assert all(whole.schema.field(name).type == STORED.field(name).type for name in added)
    steps, start, parts = Steps(default_steps()), 0, []
    while start < len(rows):
        count = data.draw(st.integers(1, len(rows) - start))
        parts.append(steps.apply(batch.slice(start, count), CONTEXT))
        start += count
    assert pa.Table.from_batches(parts, whole.schema).to_pylist() == whole.to_pylist()


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (lambda batch, context: batch.slice(0, 1), "made 1 rows of 3"),
        (lambda batch, context: batch.take(pa.array([2, 1, 0])), "order of rows"),
        (lambda batch, context: batch.drop_columns(["referrer"]), "dropped referrer"),
        (lambda batch, context: batch.append_column("margin", batch.column("site")), "added margin, which the table events does not have"),
        (lambda batch, context: None, "returned NoneType"),
        (lambda batch, context: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_step_that_breaks_its_promise_is_named(step: Any, told: str) -> None:
    with pytest.raises(StepFailed, match="'mine'") as error:
        Steps([*default_steps(), ("mine", step)]).apply(batch_of({}, {}, {}), CONTEXT)
    assert told in str(error.value)


def test_a_file_that_is_away_is_no_fault_of_the_events() -> None:
    with pytest.raises(FileNotFoundError):
        Steps([("mine", lambda batch, context: Path("/no/such/file").read_bytes())]).apply(batch_of({}), CONTEXT)  # type: ignore[list-item]  # it fails before
    with pytest.raises(GeoDatabaseUnreadable, match="no such file"):
        Steps(default_steps()).apply(batch_of({"ip_address": "203.0.113.0"}), Context(geo_database="/no/such/file"))


def test_a_column_for_the_next_step_may_begin_with_an_underscore() -> None:
    steps = Steps(
        [("first", lambda batch, context: batch.append_column("_note", batch.column("site"))), ("next", lambda batch, context: batch)]
    )
    assert steps.apply(batch_of({}), CONTEXT).column("_note").to_pylist() == ["default"]


def test_two_steps_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="clock"):
        Steps([*default_steps(), *default_steps()])


def test_the_state_of_the_steps_is_saved_and_taken_up_by_name() -> None:
    slow_clock = {
        "anonymous_id": "d",
        "session_id": "s",
        "timestamp": datetime(2026, 7, 1, 11, tzinfo=UTC),
        "sent_at": datetime(2026, 7, 1, 11, tzinfo=UTC),
    }
    first = Steps(default_steps())
    first.apply(batch_of(slow_clock), CONTEXT)
    again = Steps(default_steps()[:1])
    again.restore(first.state())
    assert again.state() == first.state() != Steps(default_steps()).state()


def test_steps_and_context_can_be_sent_to_a_worker() -> None:
    steps, context = pickle.loads(pickle.dumps((Steps(default_steps()), CONTEXT)))
    assert steps.apply(batch_of({}), context).num_rows == 1


@given(st.lists(st.tuples(*[st.sampled_from(["a", "b", None])] * 3), max_size=30))
def test_joined_codes_give_back_every_row_and_no_tuple_twice(rows: list[tuple[str | None, ...]]) -> None:
    columns = [pa.array([row[place] for row in rows], pa.string()) for place in range(3)]
    values, codes = join([code(column) for column in columns])
    assert [values[number] for number in codes] == rows
    assert len(set(values)) == len(values)


def test_more_combinations_than_a_number_holds_are_still_told_apart() -> None:
    columns: list[Coded] = [code(pa.array([f"{place}-{row}" for row in range(300)])) for place in range(10)]
    values, codes = join(columns)
    assert len(values) == 300
    assert [values[number][3] for number in codes] == [f"3-{row}" for row in range(300)]
