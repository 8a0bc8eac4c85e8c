"""From log to store: each event once, whatever the batches, the crashes and the damage."""

from __future__ import annotations

import random
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecompulse.contract.check import check
from ecompulse.contract.columns import DeadLetter
from ecompulse.contract.event import Event, Item, Properties
from ecompulse.log.sqlite import SqliteAppender, SqliteReader, file, retain
from ecompulse.process.engine import Limits, pause_after
from ecompulse.process.service import CannotRebuild, Config, Processing
from ecompulse.process.step import Context, Steps
from ecompulse.store import StoreError

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW_US = int((START + timedelta(days=2)).timestamp() * 1e6)


def event(
    number: int,
    kind: str = "page_view",
    *,
    minute: float = 0,
    user: str | None = "u",
    anonymous: str | None = None,
    session: str | None = None,
    **properties: Any,
) -> Event:
    usual: dict[str, dict[str, Any]] = {
        "page_view": {"page_url": f"https://shop.example/{number}"},
        "purchase": {"order_id": f"o-{number}", "currency": "EUR", "total": 4.5, "items": (Item("p", 3, 1.5),)},
    }
    return Event(
        kind, event_id=f"00000000-0000-7000-8000-{number:012x}", timestamp=(START + timedelta(minutes=minute)).isoformat(),
        user_id=user, anonymous_id=anonymous, session_id=session, properties=Properties(**{**usual.get(kind, {}), **properties}),
    )  # fmt: skip


def batch(*events: Event) -> pa.RecordBatch:
    checked = check(list(events), NOW_US)
    assert not checked.violations, checked.violations
    return checked.batch


@contextmanager
def processing(folder: Path, **limits: Any) -> Iterator[Processing]:
    opened = Processing(Config(data=folder, limits=Limits(**limits)), lambda: Steps([]))
    try:
        yield opened
    finally:
        opened.stop()


def drain(opened: Processing) -> None:
    while opened.engine.round():
        pass


def ask(opened: Processing, sql: str) -> list[tuple[Any, ...]]:
    with opened.store.snapshot(10) as snapshot:
        return [tuple(row.values()) for row in snapshot.query(sql).to_pylist()]


def ledger(opened: Processing) -> dict[str, int]:
    return {outcome: int(count) for outcome, count in ask(opened, "select outcome, sum(count) from ledger group by 1")}


def test_rows_can_be_asked_before_and_after_they_are_written(tmp_path: Path) -> None:
    SqliteAppender(tmp_path / "log").append(batch(event(1), event(2, "purchase")), [])
    with processing(tmp_path) as opened:
        drain(opened)
        tables = ("events", "minute_totals", "order_items", "sessions", "ledger")
        before = [ask(opened, f"select * from {table} order by all") for table in tables]
        opened.engine.flush()
        assert [ask(opened, f"select * from {table} order by all") for table in tables] == before
        assert [len(rows) for rows in before] == [2, 2, 1, 1, 2]
        assert opened.store.tail_rows == 0


def rows_after_each_flush(opened: Processing) -> list[int]:
    """Take all that the log has; the rows of the database after each flush that was due."""
    written = []
    while opened.engine.round():
        waited = opened.store.tail_rows
        opened.engine.flush_when_due()
        if opened.store.tail_rows < waited:
            opened.engine.flush()
            written.append(ask(opened, "select count(*) from events.main.events")[0][0])
    return written


def test_the_tail_is_written_in_whole_row_groups_whatever_groups_came_and_whatever_was_sent_twice(tmp_path: Path) -> None:
    chance, number, appenders = random.Random(3), 0, [SqliteAppender(tmp_path / "log", partition) for partition in (0, 1)]
    for _ in range(40):
        numbers = [max(0, number + again) for again in (chance.choice([0, 0, 0, 0, -3]) for _ in range(chance.randrange(1, 9)))]
        number += len(numbers)
        appenders[number % 2].append(batch(*(event(n + index) for index, n in enumerate(numbers))), [])
    with processing(tmp_path, tail_rows=10, tail_seconds=3_600.0) as opened:
        written = rows_after_each_flush(opened)
        assert len(written) > 5
        assert [rows % 10 for rows in written] == [0] * len(written)


def test_row_groups_are_filled_after_a_tail_that_was_cut_by_its_age(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log")
    appender.append(batch(*(event(n) for n in range(13))), [])
    with processing(tmp_path, tail_rows=10, tail_seconds=3_600.0) as opened:
        drain(opened)
        opened.engine.flush()
    appender.append(batch(*(event(n) for n in range(13, 60))), [])
    with processing(tmp_path, tail_rows=10, tail_seconds=3_600.0) as opened:
        written = rows_after_each_flush(opened)
        assert written == [20, 30, 40, 50, 60]


def test_a_tail_grows_to_a_row_group_while_another_is_written_and_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecompulse.process.engine.TAIL_ROWS", 10)
    SqliteAppender(tmp_path / "log").append(batch(*(event(n) for n in range(40))), [])
    with processing(tmp_path, tail_rows=10, tail_seconds=3_600.0) as opened:
        written, flush, slow = [], opened.store.flush, threading.Event()

        def held(*given: Any) -> int:
            slow.wait(10)
            written.append(flush(*given))
            return written[-1]

        opened.store.flush = held  # type: ignore[method-assign]  # a slow disk
        assert [opened.engine.round(), opened.engine.round()] == [10, 0]
        opened.engine.flush_when_due()
        assert [opened.engine.round(), opened.engine.round()] == [10, 0]
        slow.set()
        while opened.engine.round() or opened.store.tail_rows:
            opened.engine.flush_when_due()
        opened.engine.flush()
        assert written == [10, 10, 10, 10]


def test_the_time_of_a_tail_begins_with_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("ecompulse.process.engine.time.monotonic", lambda: now[0])
    with processing(tmp_path, tail_rows=10, tail_seconds=60.0) as opened:
        now[0] = 59.0
        opened.engine.flush_when_due()
        SqliteAppender(tmp_path / "log").append(batch(event(1)), [])
        opened.engine.round()
        for now[0], rows in ((118.0, 1), (119.5, 0)):
            opened.engine.flush_when_due()
            assert opened.store.tail_rows == rows


def test_a_flush_that_failed_is_tried_again_although_nothing_more_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("ecompulse.process.engine.time.monotonic", lambda: now[0])
    SqliteAppender(tmp_path / "log").append(batch(event(1)), [])
    with processing(tmp_path, tail_rows=10, tail_seconds=60.0) as opened:
        drain(opened)
        flush, opened.store.flush = opened.store.flush, refuse  # type: ignore[method-assign]  # a disk that is full
        with pytest.raises(StoreError):
            opened.engine.flush()
        opened.store.flush = flush  # type: ignore[method-assign]
        for now[0] in (30.0, 61.0):
            assert opened.store.flushing
            opened.engine.flush_when_due()
        tries = 0
        while opened.store.flushing and tries < 1_000:
            threading.Event().wait(0.01)  # the clock stands still
            tries += 1
        assert not opened.store.flushing


def test_duplicates_before_a_tail_that_is_nearly_full_are_taken_in_growing_steps(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log")
    appender.append(batch(*(event(n) for n in range(9))), [])
    appender.append(batch(*(event(n % 9) for n in range(1_000))), [])
    with processing(tmp_path, tail_rows=10, tail_seconds=3_600.0) as opened:
        rounds = 0
        while opened.engine.round():
            rounds += 1
        assert rounds < 20
        assert ledger(opened) == {"stored": 9, "duplicate": 1_000}


def test_a_full_tail_that_cannot_be_written_stops_the_reading_and_not_the_trying(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecompulse.process.engine.TAIL_ROWS", 25)
    SqliteAppender(tmp_path / "log").append(batch(*(event(n) for n in range(50))), [])
    with processing(tmp_path, tail_rows=10, tail_seconds=3_600.0) as opened:
        flush, opened.store.flush = opened.store.flush, refuse  # type: ignore[method-assign]  # a disk that is full
        taken = 1
        while taken:
            taken = opened.engine.round()
            with suppress(StoreError):
                opened.engine.flush_when_due()
        assert ask(opened, "select count(*) from events") == [(30,)]  # ten that could not be written, and behind them fewer than 25
        opened.store.flush = flush  # type: ignore[method-assign]
        while opened.engine.round() or opened.store.flushing:
            with suppress(StoreError):  # of a try that began while there was no room
                opened.engine.flush_when_due()
        assert ask(opened, "select count(*) from events") == [(50,)]


def refuse(*_: Any) -> int:
    raise StoreError("no room")


def test_a_duplicate_is_counted_and_another_event_under_its_id_is_a_dead_letter(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log")
    appender.append(batch(event(1), event(1), event(2)), [])
    with processing(tmp_path) as opened:
        drain(opened)
        opened.engine.flush()
        appender.append(batch(event(2), event(2, page_url="https://shop.example/other")), [])
        drain(opened)
        assert ledger(opened) == {"stored": 2, "duplicate": 2, "dead_letter": 1}
        [(field, reason, body)] = ask(opened, "select field, reason, body from dead_letters")
        assert field == "event_id"
        assert "used before" in reason
        assert "other" in body


def test_a_rejected_event_keeps_its_bytes_even_when_they_are_no_text(tmp_path: Path) -> None:
    letter = DeadLetter("is required", "event_type", None, "nope", "canonical", "default", None, NOW_US, b'{"a": "\xff"}')
    SqliteAppender(tmp_path / "log").append(batch(event(1)), [letter])
    with processing(tmp_path) as opened:
        drain(opened)
        assert ask(opened, "select id, body_bytes from dead_letters") == [("0-1", letter.body)]
        opened.engine.flush()
        assert ask(opened, "select id, body_bytes from dead_letters") == [("0-1", letter.body)]
        assert ledger(opened) == {"stored": 1, "dead_letter": 1}


def test_what_was_not_written_is_read_again_after_a_crash(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log")
    appender.append(batch(*(event(n) for n in range(10))), [])
    crashed = Processing(Config(data=tmp_path), lambda: Steps([]))
    drain(crashed)
    crashed.engine.flush()
    appender.append(batch(*(event(n) for n in range(5, 20))), [])
    drain(crashed)
    assert crashed.store.positions() == {0: 25}
    crashed.store.close()  # the tail is gone
    with processing(tmp_path) as opened:
        assert opened.store.positions() == {0: 10}
        drain(opened)
        assert ledger(opened) == {"stored": 20, "duplicate": 5}


def test_a_flush_that_fails_loses_nothing_and_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SqliteAppender(tmp_path / "log").append(batch(event(1)), [])
    with processing(tmp_path) as opened:
        drain(opened)
        real = opened.store._database
        monkeypatch.setattr(opened.store, "_database", _Refusing(real))
        with pytest.raises(StoreError, match="disk is full"):
            opened.engine.flush()
        monkeypatch.setattr(opened.store, "_database", real)
        assert ask(opened, "select count(*) from events") == [(1,)]
        opened.engine.flush()
        assert opened.store.durable_positions() == {0: 1}
        assert ask(opened, "select count(*) from events") == [(1,)]


def test_a_row_that_the_database_refuses_becomes_a_dead_letter_and_the_rest_goes_in(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log")
    appender.append(batch(*(event(n, user=f"u-{n}") for n in range(40))), [])
    with processing(tmp_path) as opened:
        opened.store._database.cursor().execute("create unique index one_user on events (user_id)")
        drain(opened)
        opened.engine.flush()
        appender.append(batch(event(50, user="new"), event(51, user="u-7"), event(52, user="newer"), event(53, user="u-9")), [])
        drain(opened)
        opened.engine.flush()
        assert ledger(opened) == {"stored": 42, "dead_letter": 2}
        assert ask(opened, "select count(*) from events") == [(42,)]
        assert ask(opened, "select sum(events)::int from minute_totals") == [(42,)]
        letters = ask(opened, "select reason, body from dead_letters order by id")
        assert all("refused" in reason for reason, _ in letters)
        assert ["u-7" in letters[0][1], "u-9" in letters[1][1]] == [True, True]
        assert opened.store.durable_positions() == {0: 44}


class _Refusing:
    """A DuckDB connection whose cursors refuse to commit."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def cursor(self) -> Any:
        real = self._real.cursor()

        class Cursor:
            def __getattr__(self, name: str) -> Any:
                return getattr(real, name)

            def commit(self) -> None:
                import duckdb

                raise duckdb.IOException("disk is full")

        return Cursor()


def test_a_damaged_entry_is_counted_named_and_passed_over(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log")
    for n in range(3):
        appender.append(batch(event(2 * n), event(2 * n + 1)), [])
    appender.close()
    with sqlite3.connect(file.path_of(tmp_path / "log", 0, 0)) as connection:
        connection.execute("update entries set checksum = checksum + 1 where offset = 2")
    with processing(tmp_path) as opened:
        drain(opened)
        assert ledger(opened) == {"stored": 4, "dead_letter": 2}
        assert "offsets 2 to 3" in ask(opened, "select reason from dead_letters")[0][0]


def test_a_step_that_fails_on_one_row_costs_that_row_only(tmp_path: Path) -> None:
    def hates_seven(rows: pa.RecordBatch, _: Context) -> pa.RecordBatch:
        if any(url.endswith("/7") for url in rows.column("page_url").to_pylist()):
            raise ValueError("seven")
        return rows

    SqliteAppender(tmp_path / "log").append(batch(*(event(n) for n in range(20))), [])
    opened = Processing(Config(data=tmp_path), lambda: Steps([("hates-seven", hates_seven)]))
    drain(opened)
    assert ledger(opened) == {"stored": 19, "dead_letter": 1}
    assert "hates-seven" in ask(opened, "select reason from dead_letters")[0][0]
    opened.stop()


def test_a_session_without_an_id_ends_after_thirty_minutes_and_late_events_join_what_they_touch(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log")
    with processing(tmp_path) as opened:
        for number, minute in enumerate((0, 20, 70, 100)):  # a pause of 50 minutes: two sessions
            appender.append(batch(event(number, minute=minute)), [])
        drain(opened)
        opened.engine.flush()
        spans = "select epoch(started_at)::bigint // 60, epoch(ended_at)::bigint // 60, events from sessions order by 1"
        begin = int(START.timestamp()) // 60
        assert ask(opened, spans) == [(begin, begin + 20, 2), (begin + 70, begin + 100, 2)]
        appender.append(batch(event(9, minute=45)), [])  # late: it closes the gap
        drain(opened)
        assert ask(opened, spans) == [(begin, begin + 100, 5)]


def test_an_anonymous_visitor_becomes_the_user_that_logs_in(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log")
    appender.append(
        batch(
            event(1, user=None, anonymous="a", minute=0),
            event(2, "user_login", user="ann", anonymous="a", minute=5),
            event(3, user="ann", minute=9),
        ),
        [],
    )
    with processing(tmp_path) as opened:
        drain(opened)
        assert ask(opened, "select visitor, events from sessions") == [("ann", 3)]
        opened.engine.flush()
        assert ask(opened, "select visitor, events from sessions") == [("ann", 3)]


TABLES = {
    "events": "select * exclude (log_offset, received_at, fingerprint) from events",
    "minute_totals": "select * exclude (events, quantity, amount, revenue), sum(events), sum(quantity), sum(amount), sum(revenue) "
    "from minute_totals group by all",
    "order_items": "select * from order_items",
    "sessions": "select * from sessions",
    "visitors": "select * from visitors",
    "ledger": "select site, dialect, key, event_type, outcome, sum(count) from ledger group by all",
}

shoppers = st.tuples(
    st.sampled_from(["page_view", "purchase", "user_login"]), st.integers(0, 12).map(lambda step: step * 14),
    st.sampled_from(["u", "v"]), st.sampled_from([None, "a", "b"]), st.sampled_from([None, None, "s", "t"]), st.booleans(),
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(shoppers, min_size=1, max_size=25), st.randoms(use_true_random=False))
def test_batching_and_flushing_do_not_change_results(made: list[tuple[Any, ...]], chance: random.Random) -> None:
    events = [
        event(
            n,
            kind,
            minute=minute,
            user=user if known or kind == "user_login" or anonymous is None else None,
            anonymous=anonymous,
            session=session,
        )
        for n, (kind, minute, user, anonymous, session, known) in enumerate(made)
    ]
    events += chance.choices(events, k=3)

    def tables(cut: bool) -> dict[str, list[tuple[Any, ...]]]:
        with tempfile.TemporaryDirectory() as folder:
            appender = SqliteAppender(Path(folder) / "log")
            with processing(Path(folder)) as opened:
                rest = list(events)
                while rest:
                    size = chance.randint(1, 6) if cut else len(rest)
                    appender.append(batch(*rest[:size]), [])
                    rest = rest[size:]
                    if cut and chance.random() < 0.6:
                        drain(opened)
                    if cut and chance.random() < 0.4:
                        opened.engine.flush()
                drain(opened)
                return {name: sorted(ask(opened, sql), key=repr) for name, sql in TABLES.items()}

    assert tables(cut=True) == tables(cut=False)


def test_the_engine_goes_on_by_itself_while_events_arrive(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log")
    opened = Processing(Config(data=tmp_path, limits=Limits(tail_rows=50, tail_seconds=0.05)), lambda: Steps([]))
    opened.start()
    for n in range(30):
        appender.append(batch(*(event(10 * n + k) for k in range(10))), [])
    reader = SqliteReader(tmp_path / "log")
    while opened.store.positions() != reader.end():
        assert opened.alive
        assert opened.engine.trouble is None
    opened.stop()
    with processing(tmp_path) as again:
        assert again.store.durable_positions() == {0: 300}
        assert ask(again, "select count(distinct event_id) from events") == [(300,)]


def test_a_rebuilt_store_takes_the_place_of_the_old_one_and_numbers_never_change(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log")
    letter = DeadLetter("is required", "event_type", None, None, "canonical", "default", None, NOW_US, b"{}")
    appender.append(batch(*(event(n, "purchase", minute=n) for n in range(40))), [letter])
    appender.append(batch(*(event(n, "purchase", minute=n) for n in range(30, 50))), [])
    opened = Processing(Config(data=tmp_path, limits=Limits(tail_rows=16, tail_seconds=0.01)), lambda: Steps([]))
    opened.start()
    reader = SqliteReader(tmp_path / "log")
    while opened.store.positions() != reader.end():
        assert opened.engine.trouble is None
    opened.mark_replayed(["0-40"], NOW_US)
    before = {name: sorted(ask(opened, sql), key=repr) for name, sql in TABLES.items()}
    old = opened.store
    rebuild = opened.start_rebuild("second")
    while not rebuild.finished:
        assert ask(opened, "select count(*), sum(revenue) from events") == ask(opened, "select count(*), sum(revenue) from events")
        assert ask(opened, "select count(*) from events") == [(50,)]
    assert rebuild.failure is None
    assert opened.store is not old
    assert {name: sorted(ask(opened, sql), key=repr) for name, sql in TABLES.items()} == before
    assert ask(opened, "select id, replayed_at is not null from dead_letters") == [("0-40", True)]
    appender.append(batch(event(60)), [])
    while opened.store.positions() != reader.end():
        assert opened.engine.trouble is None
    opened.stop()
    with processing(tmp_path) as again:
        assert again.store.path.parent.name == "second"
        assert ask(again, "select count(*) from events") == [(51,)]


def test_a_rebuild_is_refused_when_the_log_no_longer_holds_everything(tmp_path: Path) -> None:
    appender, reader = SqliteAppender(tmp_path / "log", file_bytes=1), SqliteReader(tmp_path / "log", "main")
    for n in range(3):
        appender.append(batch(event(n)), [])
    with processing(tmp_path) as opened:
        drain(opened)
        opened.engine.flush()
        reader.done(opened.store.durable_positions())
        retain(tmp_path / "log", age_seconds_max=0, bytes_max=0, now=2e9)
        with pytest.raises(CannotRebuild, match="offset 2"):
            opened.start_rebuild("second")


def test_rounds_that_take_long_wait_for_more_company_and_never_for_long() -> None:
    assert pause_after(0.002) == pytest.approx(0.008)
    assert pause_after(0.004) == pytest.approx(0.008)
    assert pause_after(0.012) == pytest.approx(0.003)
    assert pause_after(0.100) == 0
