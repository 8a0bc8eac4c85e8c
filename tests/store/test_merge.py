"""Sums of finished hours are merged: one row a key is left, and nobody who asks sees a difference."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from tests.analyze.stocked import DAY, Stocked, event, purchase
from tests.store.merging import merge

from ecompulse.run.checks import CHECKS
from ecompulse.store import StoreError
from ecompulse.store.duckdb import DuckDBStore
from ecompulse.store.duckdb import merge as merging
from ecompulse.store.duckdb.connect import Database
from ecompulse.store.duckdb.merge import FINISHED_SECONDS, LOOK_SECONDS, Merged

LATER = DAY + timedelta(days=2)
TABLES = ("session_parts", "minute_totals")
SUMS = (
    "select * from sessions order by all",
    """select site, minute, event_type, currency, sum(events)::bigint as n, sum(amount) as amount, sum(revenue) as revenue
    from minute_totals group by all order by all""",
)
KEYS = {
    "session_parts": "site, hour, session_id, user_id, anonymous_id, source, platform, country",
    "minute_totals": "site, minute, event_type, source, platform, country, traffic_source, channel, campaign, currency",
}


@pytest.fixture
def stocked(tmp_path: Path) -> Iterator[Stocked]:
    one = Stocked(tmp_path)
    yield one
    one.store.close()


def fill(stocked: Stocked, flushes: int = 12, seed: int = 1, hours: int = 2) -> None:
    """Some people's events of the first hours of a day, all of them in each of so many flushes."""
    random = Random(seed)
    for _ in range(flushes):
        rows = []
        for person in range(6):
            when = DAY + timedelta(minutes=15 * random.randrange(hours * 4), seconds=random.randrange(60))
            session = None if person == 5 else f"s-{person}"
            where = {"session_id": session, "platform": random.choice(("web", "ios")), "anonymous_id": f"d-{person}"}
            origin: dict[str, Any] = {"traffic_source": "google", "channel": "search"} if random.random() < 0.5 else {}
            rows.append(event("page_view", when, None, page_path=random.choice(("/", "/a", None)), **where, **origin))
            rows.append(purchase(when, f"u-{person}", ("P", 1, "9.50"), currency=random.choice(("EUR", "USD")), **where))
        stocked.add(rows)
        stocked.flush()


def ask(store: DuckDBStore, sql: str) -> list[dict[str, Any]]:
    with store.snapshot() as snapshot:
        return snapshot.query(sql).to_pylist()


def counts(store: DuckDBStore) -> dict[str, int]:
    return {table: ask(store, f"select count(*) as n from {table}")[0]["n"] for table in TABLES}


def told(store: DuckDBStore) -> list[list[dict[str, Any]]]:
    return [ask(store, sql) for sql in SUMS]


def all_rows(store: DuckDBStore) -> list[list[dict[str, Any]]]:
    return [
        ask(store, f"select * exclude (came, entry, exit), came.at, entry.at as e, exit.at as x from {TABLES[0]} order by all"),
        ask(store, f"select * from {TABLES[1]} order by all"),
    ]


def test_one_row_a_key_is_left_and_every_promise_holds(stocked: Stocked) -> None:
    fill(stocked)
    before, rows = told(stocked.store), counts(stocked.store)
    done = merge(stocked.store, LATER)
    left = counts(stocked.store)
    for table, keys in KEYS.items():
        sessions = " where session_id is not null" if table == "session_parts" else ""
        seen = ask(
            stocked.store, f"select count(*) as n, max(rows) as most from (select count(*) as rows from {table}{sessions} group by {keys})"
        )
        assert seen[0]["most"] == 1
        assert left[table] < rows[table] / 2
        assert rows[table] - left[table] == done[table].before - done[table].after
    assert told(stocked.store) == before
    with stocked.store.snapshot() as snapshot:
        for check in CHECKS[4:]:  # those before are of places in the log, which these rows do not have
            assert snapshot.query(check.sql).to_pylist() == [], check.name


def test_an_origin_stays_that_of_the_first_that_came_with_one(stocked: Stocked) -> None:
    later: dict[str, Any] = {"traffic_source": "meta", "channel": "social"}
    for minute, origin in ((20, later), (5, {}), (10, {"traffic_source": "google", "channel": "search"}), (30, {})):
        stocked.add([event("page_view", DAY + timedelta(minutes=minute), page_path=f"/{minute}", **origin)])
        stocked.flush()
    expected = ask(stocked.store, "select origin_key from session_parts where came.traffic_source = 'google'")
    merge(stocked.store, LATER)
    found = ask(
        stocked.store, "select origin_key, came.traffic_source as t, entry.page as i, exit.page as o, events as n from session_parts"
    )
    assert found == [{**expected[0], "t": "google", "i": "/5", "o": "/30", "n": 4}]


def test_revenue_that_is_known_for_none_stays_unknown(stocked: Stocked) -> None:
    for user, currency in (("a", "USD"), ("a", "USD"), ("b", "USD"), ("b", "EUR")):
        stocked.add([purchase(DAY, user, ("P", 1, "2.00"), currency=currency)])
        stocked.flush()
    merge(stocked.store, LATER)
    found = ask(stocked.store, "select user_id, revenue::varchar as r, orders as n from session_parts order by all")
    assert found == [{"user_id": "a", "r": None, "n": 2}, {"user_id": "b", "r": "2.0000", "n": 2}]


def test_stretches_without_a_session_id_stay_apart_where_the_pause_is_long(stocked: Stocked) -> None:
    for minute in (0, 31 + 10, 10, 41, 5):  # from 10 to 41 are 31 minutes
        stocked.add([event("page_view", DAY + timedelta(minutes=minute), session_id=None)])
        stocked.flush()
    before = told(stocked.store)
    merge(stocked.store, LATER)
    found = ask(
        stocked.store,
        "select epoch(began_at - $d)::int / 60 as b, events as n from session_parts order by b".replace("$d", f"'{DAY}'::timestamptz"),
    )
    assert found == [{"b": 0, "n": 3}, {"b": 41, "n": 2}]
    assert told(stocked.store) == before


def test_only_hours_that_are_over_for_a_while_are_merged(stocked: Stocked) -> None:
    fill(stocked, hours=1)
    rows, end = counts(stocked.store), DAY + timedelta(hours=1, seconds=FINISHED_SECONDS)
    merge(stocked.store, end - timedelta(seconds=1))
    assert counts(stocked.store) == rows
    merge(stocked.store, end)
    assert counts(stocked.store)["session_parts"] < rows["session_parts"]


def test_a_second_look_does_nothing_until_enough_late_events_have_come(stocked: Stocked) -> None:
    fill(stocked)
    merge(stocked.store, LATER)
    left, nothing = counts(stocked.store), {table: Merged() for table in TABLES}
    assert merge(stocked.store, LATER) == nothing
    stocked.store.merge_sums(LATER.timestamp() + LOOK_SECONDS, 9, lambda: True)
    assert not stocked.store._merging._due, "not even a slice is looked at"
    fill(stocked, flushes=1, seed=1)
    few = counts(stocked.store)
    assert left["session_parts"] < few["session_parts"] < merging.GAIN * left["session_parts"]
    assert merge(stocked.store, LATER) == nothing
    fill(stocked, seed=1)
    before = told(stocked.store)
    assert merge(stocked.store, LATER)["session_parts"].after < left["session_parts"] * 1.2
    assert told(stocked.store) == before


def test_after_a_start_what_is_merged_is_left_as_it_is(stocked: Stocked) -> None:
    fill(stocked)
    merge(stocked.store, LATER)
    stocked.store.close()
    stocked.store = DuckDBStore(stocked.store.folder)
    rows = ask(stocked.store, "select rowid from events.main.session_parts order by all")
    assert merge(stocked.store, LATER) == {table: Merged() for table in TABLES}
    assert ask(stocked.store, "select rowid from events.main.session_parts order by all") == rows


def test_hours_are_looked_at_once_a_while(stocked: Stocked) -> None:
    fill(stocked, flushes=1)
    stocked.store.merge_sums(LATER.timestamp(), 9, lambda: False)
    fill(stocked)
    rows = counts(stocked.store)
    stocked.store.merge_sums(LATER.timestamp() + LOOK_SECONDS - 1, 9, lambda: False)
    assert counts(stocked.store) == rows
    stocked.store.merge_sums(LATER.timestamp() + LOOK_SECONDS, 9, lambda: False)
    assert counts(stocked.store)["session_parts"] < rows["session_parts"]


def test_a_call_takes_its_time_and_goes_on_at_the_next(stocked: Stocked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "AT_ONCE", 20)
    fill(stocked)
    before, rows, saving = told(stocked.store), sum(counts(stocked.store).values()), 0
    for _ in range(40):
        done = stocked.store.merge_sums(LATER.timestamp(), 0, lambda: False).values()
        assert sum(merged.before > 0 for merged in done) <= 1
        assert rows - sum(counts(stocked.store).values()) == sum(merged.before - merged.after for merged in done)
        assert told(stocked.store) == before
        rows, saving = sum(counts(stocked.store).values()), saving + any(merged.before for merged in done)
    assert saving > 8, "a slice a call"
    assert merge(stocked.store, LATER) == {table: Merged() for table in TABLES}


def test_nothing_is_begun_when_it_is_to_stop(stocked: Stocked) -> None:
    fill(stocked)
    rows = counts(stocked.store)
    stocked.store.merge_sums(LATER.timestamp(), 9, lambda: True)
    assert counts(stocked.store) == rows


def test_a_snapshot_that_was_opened_before_sees_the_same(stocked: Stocked) -> None:
    fill(stocked)
    rows = counts(stocked.store)
    with stocked.store.snapshot() as snapshot:
        merge(stocked.store, LATER)
        fill(stocked, flushes=1, seed=9)
        assert {table: snapshot.query(f"select count(*) as n from {table}").to_pylist()[0]["n"] for table in TABLES} == rows
        assert snapshot.query("select sum(events)::bigint as n from session_parts").to_pylist() == [{"n": 12 * 12}]
    assert counts(stocked.store)["session_parts"] < rows["session_parts"]


def test_questions_that_are_asked_meanwhile_count_each_event_once(stocked: Stocked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "AT_ONCE", 5)
    fill(stocked, flushes=20, hours=4)
    before, ended, seen = told(stocked.store), threading.Event(), []

    def watch() -> None:
        while not ended.is_set():
            seen.append(told(stocked.store))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        merge(stocked.store, LATER)
    finally:
        ended.set()
        thread.join()
    assert seen
    assert all(one == before for one in seen)


class _Cursor:
    """A connection that fails at a statement that begins like this."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, begin: str) -> None:
        self._cursor, self._begin = cursor, begin

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def execute(self, sql: str) -> Any:
        if sql.startswith(self._begin):
            raise duckdb.IOException("no space left on device")
        return self._cursor.execute(sql)


class _Database:
    def __init__(self, database: Database, begin: str) -> None:
        self._database, self._begin = database, begin

    def cursor(self) -> _Cursor:
        return _Cursor(self._database.cursor(), self._begin)


def test_a_failure_in_the_middle_leaves_all_as_it_was_and_is_tried_again(stocked: Stocked) -> None:
    fill(stocked)
    rows, before = all_rows(stocked.store), told(stocked.store)
    whole = stocked.store._merging._database
    stocked.store._merging._database = _Database(whole, "insert into events.main")  # type: ignore[assignment]  # what it needs of one
    with pytest.raises(StoreError, match="not merged yet"):
        merge(stocked.store, LATER)
    assert all_rows(stocked.store) == rows
    stocked.store._merging._database = whole
    fill(stocked, flushes=1, seed=4)  # flushes go on
    merge(stocked.store, LATER, looks=2)  # after the other hours, for which the first look was
    assert told(stocked.store) != before
    for table, keys in KEYS.items():
        sessions = " where session_id is not null" if table == "session_parts" else ""
        assert ask(stocked.store, f"select max(n) as n from (select count(*) as n from {table}{sessions} group by {keys})") == [{"n": 1}]


def test_what_was_merged_gives_its_place_back(stocked: Stocked) -> None:
    """Over many rounds of flushes and merges the file grows by what is new alone."""
    store, sizes = stocked.store, []
    width = 20_000
    rows = pa.table({"n": pa.array(range(width))})
    with store.cursor() as connection:
        for _ in range(6):
            for _ in range(4):
                connection.register("n", rows)
                connection.execute(
                    "insert into minute_totals select 'default', '2026-03-10 00:00Z'::timestamptz + to_minutes((n % 60)::int), 'view', "
                    "'web', 'p' || n, null, null, null, null, null, 1, 0, 0, 0 from n"
                )
            merge(store, LATER)
            connection.execute("checkpoint")
            sizes.append(store.path.stat().st_size)
    assert ask(store, "select count(*) as n, sum(events)::bigint as e from minute_totals") == [{"n": width, "e": 6 * 4 * width}]
    assert max(sizes[2:]) <= sizes[1] * 1.2
