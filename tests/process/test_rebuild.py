"""A store rebuilt for a span of receipt: what was received in it is made again, all else stays, and every sum agrees."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ecompulse.contract.check import check
from ecompulse.contract.columns import DeadLetter
from ecompulse.contract.event import Event, Item, Properties
from ecompulse.log.sqlite import SqliteAppender, file, retain
from ecompulse.process import stores
from ecompulse.process.rebuild import CannotRebuild, Rebuild
from ecompulse.process.service import Config, Processing
from ecompulse.process.step import Context, Rate, Steps
from ecompulse.process.steps import default_steps
from ecompulse.run.verify import verify
from ecompulse.store.duckdb.carry import Span
from ecompulse.store.duckdb.letters import Keep

BEGIN = datetime.now(UTC).replace(hour=1, minute=0, second=0, microsecond=0) - timedelta(days=2)
DOLLARS = Context(rates={"USD": (Rate(Decimal("0.9")),)})
DEARER = Context(rates={"USD": (Rate(Decimal("0.8")),)})

TABLES = {
    "events": "select * from events",
    "minute_totals": "select * exclude (events, quantity, amount, revenue), sum(events), sum(quantity), sum(amount), sum(revenue) "
    "from minute_totals group by all",
    "order_items": "select * from order_items",
    "sessions": "select * from sessions",
    "visitors": "select * from visitors",
    "identities": "select site, anonymous_id, user_id, min(since) from identities group by all",
    "dead_letters": "select * from dead_letters",
    "dead_letters_let_go": "select * from dead_letters_let_go",
    "ledger": "select site, dialect, key, event_type, outcome, sum(count) from ledger group by all having sum(count) <> 0",
}


def minute(number: float) -> datetime:
    return BEGIN + timedelta(minutes=number)


def event(number: int, kind: str = "page_view", *, at: float = 0, skew: float = 0, device: str | None = "d", **told: Any) -> Event:
    """An event of minute `at`, from a device whose clock is `skew` minutes ahead."""
    usual: dict[str, dict[str, Any]] = {
        "page_view": {"page_url": f"https://shop.example/{number}"},
        "purchase": {"order_id": f"o-{number}", "currency": "USD", "total": 4.5, "items": (Item("p", 3, 1.5),)},
    }
    envelope = {name: told.pop(name) for name in ("user_id", "session_id") if name in told}
    seen = minute(at + skew).isoformat()
    return Event(
        kind, event_id=f"00000000-0000-7000-8000-{number:012x}", timestamp=seen, sent_at=seen, anonymous_id=device,
        properties=Properties(**{**usual.get(kind, {}), **told}), **envelope,
    )  # fmt: skip


def batch(events: list[Event], at: float) -> pa.RecordBatch:
    checked = check(events, int(minute(at).timestamp() * 1e6))
    assert not checked.violations, checked.violations
    return checked.batch


def letter(at: float) -> DeadLetter:
    return DeadLetter("is required", "event_type", None, None, "canonical", "default", None, int(minute(at).timestamp() * 1e6), b"\xff{}")


def refuse_poison(rows: pa.RecordBatch, _context: Context) -> pa.RecordBatch:
    if pc.any(pc.equal(rows.column("coupon"), "poison")).as_py():
        raise ValueError("poison")
    return rows


def with_poison() -> Steps:
    return Steps([*default_steps(), ("poison", refuse_poison)])


@contextmanager
def processing(folder: Path, steps: Callable[[], Steps] = with_poison, context: Context = DOLLARS) -> Iterator[Processing]:
    opened = Processing(Config(data=folder, context=context, letters=Keep(seconds=1e9)), steps)
    try:
        yield opened
    finally:
        opened.stop()


def drain(opened: Processing) -> None:
    while opened.engine.round():
        opened.engine.flush_when_due()


def ask(opened: Processing, sql: str) -> list[tuple[Any, ...]]:
    with opened.store.snapshot(30) as snapshot:
        return [tuple(row.values()) for row in snapshot.query(sql).to_pylist()]


def tables(opened: Processing) -> dict[str, list[tuple[Any, ...]]]:
    return {name: sorted(ask(opened, sql), key=repr) for name, sql in TABLES.items()}


def differences(before: dict[str, list[tuple[Any, ...]]], after: dict[str, list[tuple[Any, ...]]]) -> dict[str, Any]:
    """Rows that are in one only, by table."""
    told = {name: ([r for r in before[name] if r not in after[name]], [r for r in after[name] if r not in before[name]]) for name in before}
    return {name: rows for name, rows in told.items() if before[name] != after[name]}


def verifies(opened: Processing) -> bool:
    return all(found.agrees for found in verify(lambda sql: ask(opened, sql), opened.ledger()))


def rebuilt(opened: Processing, span: Span, into: str = "second") -> Rebuild:
    """Rebuild, and wait for it."""
    rebuild = opened.start_rebuild(into, span)
    assert opened._rebuilding is not None
    opened._rebuilding.join(60)
    assert rebuild.finished
    assert rebuild.failure is None, rebuild.failure
    return rebuild


def outcomes(opened: Processing) -> dict[str, int]:
    return {outcome: int(n) for outcome, n in ask(opened, "select outcome, sum(count) from ledger group by 1 having sum(count) <> 0")}


happening = st.tuples(
    st.integers(0, 1),  # partition, which is the device's too: what a device sends to two at once has no order
    st.sampled_from(["page_view", "purchase", "purchase", "user_login", "poison"]), st.sampled_from([0, 0, 7, -90]),
    st.sampled_from([None, None, "s", "t"]), st.sampled_from([None, "u", "v"]),
)  # fmt: skip
request = st.tuples(st.integers(0, 8), st.lists(happening, min_size=1, max_size=4), st.integers(0, 1))


def again(chosen: list[tuple[int, int, Event]], partition: int, at: int, chance: random.Random) -> Iterator[Event]:
    """Events that were sent before, or others under their ids; those of a wrong clock to one partition: between two there is no order."""
    for owner, skew, one in chosen:
        if owner == partition or not skew:
            if chance.random() < 0.7:
                yield structs.replace(one, sent_at=minute(at - 1 + skew).isoformat())
            if chance.random() < 0.4:
                yield event(int(one.event_id[-12:], 16), at=at - 1 + skew, skew=0, device=one.anonymous_id, page_title="other")


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(
    st.lists(request, min_size=1, max_size=10), st.tuples(st.integers(-10, 100) | st.none(), st.integers(1, 60) | st.none()),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_any_span_gives_the_same_tables_where_the_steps_are_the_same(
    requests: list[Any], span: tuple[int | None, int | None], chance: random.Random
) -> None:
    since, length = span
    since = -10 if length is None and since is None else since  # all of it, but with what each event became as it is
    asked = Span(minute(since) if since is not None else None, minute((since or 0) + length) if length is not None else None)
    with tempfile.TemporaryDirectory() as folder:
        appenders = [SqliteAppender(Path(folder) / "log", partition) for partition in range(2)]
        used: list[tuple[int, int, Event]] = []
        with processing(Path(folder)) as opened:
            at = 0
            for pause, made, rejected in requests:
                at += pause
                for partition, kind, skew, session, user in made:
                    told = {"coupon": "poison"} if kind == "poison" else {}
                    one = event(
                        len(used), "page_view" if kind == "poison" else kind, at=at - 1, skew=skew, device=f"d{partition}{skew}",
                        session_id=session and f"{session}-{partition}{skew}", user_id="w" if kind == "user_login" else user, **told,
                    )  # fmt: skip
                    used.append((partition, skew, one))
                    sent = [one, *again(chance.choices(used, k=chance.choice([0, 0, 1])), partition, at, chance)]
                    appenders[partition].append(batch(sent, at), [letter(at)] * rejected)
                if chance.random() < 0.5:
                    drain(opened)
                if chance.random() < 0.3:
                    opened.engine.flush()
            drain(opened)
            opened.mark_replayed([name for (name,) in ask(opened, "select id from dead_letters") if chance.random() < 0.5], 10**15)
            if chance.random() < 0.7:
                opened.engine.flush()
            before = tables(opened)
            assert verifies(opened)
            rebuilt(opened, asked)
            assert differences(before, tables(opened)) == {}
            assert verifies(opened)
            rows = len(before["events"])
            for partition in range(2):
                appenders[partition].append(batch([event(0, at=at), *(one for owner, _, one in used if owner == partition)], at + 1), [])
            opened._line.halt()
            drain(opened)
            assert ask(opened, "select count(*) from events") == [(rows,)]  # each of them was known, wherever it had been received
            assert sum(outcomes(opened).values()) == sum(opened.ends().values())
        for appender in appenders:
            appender.close()
        with processing(Path(folder)) as again_opened:
            assert again_opened.store.path.parent.name == "second"
            assert {name: rows for name, rows in tables(again_opened).items() if name == "events"} == {"events": before["events"]}


def prepared(folder: Path, file_bytes: int = 10**9) -> SqliteAppender:
    """A log of ten purchases, one a minute, each in an entry of its own, and a rejected event with the sixth."""
    appender = SqliteAppender(folder / "log", file_bytes=file_bytes)
    for n in range(10):
        appender.append(batch([event(n, "purchase", at=n)], n), [letter(n)] if n == 5 else [])
    return appender


def test_with_a_changed_step_only_rows_of_the_span_change(tmp_path: Path) -> None:
    prepared(tmp_path)
    with processing(tmp_path) as opened:
        drain(opened)
        before = tables(opened)
    with processing(tmp_path, context=DEARER) as opened:
        made = rebuilt(opened, Span(minute(3), minute(6)))
        assert made.remade is not None
        assert (made.remade.made, made.remade.carried, made.remade.kept) == (3, 7, 0)
        assert made.told()["from"] == minute(3).isoformat().replace("+00:00", "Z")
        revenue = [row for (row,) in ask(opened, "select revenue::varchar from events order by log_offset")]
        assert revenue == ["4.0500"] * 3 + ["3.6000"] * 3 + ["4.0500"] * 4
        changed = differences(before, tables(opened))
        assert {name: len(rows) for name, (rows, _) in changed.items()} == {
            "events": 3, "minute_totals": 3, "order_items": 3, "sessions": 1,
        }  # fmt: skip
        assert verifies(opened)


def test_what_comes_after_the_span_goes_through_the_steps_as_ever(tmp_path: Path) -> None:
    appender = prepared(tmp_path)
    with processing(tmp_path) as opened:
        drain(opened)
        opened.engine.flush()
        rebuilt(opened, Span(minute(3), minute(6)))
        opened._line.halt()
        appender.append(batch([event(3, "purchase", at=3), event(50, at=20)], 20), [])
        drain(opened)
        assert outcomes(opened) == {"stored": 11, "duplicate": 1, "dead_letter": 1}
        assert verifies(opened)


def test_a_clock_that_was_found_wrong_before_the_span_is_corrected_within_it(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log")
    for n in range(6):
        late = replace_sent(event(n, at=n, skew=-90, session_id="s"), minute(n - 90 - 3 * n))  # each later one looks more wrong
        appender.append(batch([late], n), [])
    with processing(tmp_path) as opened:
        drain(opened)
        opened.engine.flush()
        before = tables(opened)
        assert ask(opened, "select count(distinct timestamp - device_timestamp) from events where timestamp > device_timestamp") == [(1,)]
        rebuilt(opened, Span(minute(4)))
        assert differences(before, tables(opened)) == {}


def replace_sent(one: Event, sent: datetime) -> Event:
    return structs.replace(one, timestamp=sent.isoformat(), sent_at=sent.isoformat())


def test_events_that_a_step_failed_on_become_rows_once_it_does_not(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log")
    for n in range(6):
        appender.append(batch([event(n, at=n, coupon="poison" if n % 2 else None)], n), [letter(n)])
    with processing(tmp_path) as opened:
        drain(opened)
        assert outcomes(opened) == {"stored": 3, "dead_letter": 9}
        opened.mark_replayed(["0-2", "0-10", "0-1"], 10**15)
    with processing(tmp_path, steps=lambda: Steps(default_steps())) as opened:
        made = rebuilt(opened, Span(minute(2)))
        assert made.remade is not None
        assert made.remade.made == 4
        assert outcomes(opened) == {"stored": 5, "dead_letter": 7}
        assert ask(opened, "select id from dead_letters where field = ''") == [("0-2",)]  # received before
        assert ask(opened, "select id from dead_letters where replayed_at is not null order by id") == [("0-1",), ("0-2",)]
        assert verifies(opened)


def test_rows_that_a_step_fails_on_today_become_dead_letters(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log")
    appender.append(batch([event(n, coupon="poison" if n == 2 else None) for n in range(4)], 1), [])
    with processing(tmp_path, steps=lambda: Steps(default_steps())) as opened:
        drain(opened)
        assert outcomes(opened) == {"stored": 4}
    with processing(tmp_path) as opened:
        rebuilt(opened, Span(None, minute(2)))
        assert outcomes(opened) == {"stored": 3, "dead_letter": 1}
        assert ask(opened, "select id from dead_letters") == [("0-2",)]
        assert verifies(opened)


def test_a_log_without_its_beginning_can_be_replayed_from_what_it_still_has(tmp_path: Path) -> None:
    prepared(tmp_path, file_bytes=1)
    with processing(tmp_path) as opened:
        drain(opened)
        opened.engine.flush()
        before = tables(opened)
        for path in sorted((tmp_path / "log" / "0").glob("*.sqlite"))[:4]:
            path.unlink()
        oldest = (minute(3) + timedelta(microseconds=1)).isoformat().replace("+00:00", "Z")
        for span in (Span(minute(2)), Span(None, minute(2)), Span()):
            with pytest.raises(CannotRebuild, match=f"begins at offset 4.*--from {oldest}"):
                opened.start_rebuild("second", span)
        assert not (tmp_path / "log" / "readers" / "second.json").exists()
        rebuilt(opened, Span(minute(3) + timedelta(microseconds=1)))
        assert differences(before, tables(opened)) == {}
        assert verifies(opened)


def test_rows_whose_entries_in_the_log_are_damaged_stay_as_they_are(tmp_path: Path) -> None:
    prepared(tmp_path).close()
    with processing(tmp_path) as opened:
        drain(opened)
        opened.engine.flush()
    with sqlite3.connect(file.path_of(tmp_path / "log", 0, 0)) as connection:
        connection.execute("update entries set checksum = checksum + 1 where offset = 4")
    connection.close()
    with processing(tmp_path, context=DEARER) as opened:
        made = rebuilt(opened, Span(minute(3), minute(8)))
        assert made.remade is not None
        assert (made.remade.made, made.remade.carried, made.remade.kept) == (4, 5, 1)
        revenue = [row for (row,) in ask(opened, "select revenue::varchar from events order by log_offset")]
        assert revenue == ["4.0500"] * 3 + ["3.6000", "4.0500"] + ["3.6000"] * 3 + ["4.0500"] * 2
        assert verifies(opened)


@pytest.mark.parametrize(
    ("span", "why"),
    [
        (Span(minute(2), minute(2)), "is not before its end"),
        (Span(datetime.now(UTC) + timedelta(days=1)), "nothing was received since then"),
    ],
)
def test_a_span_that_cannot_be_is_refused(tmp_path: Path, span: Span, why: str) -> None:
    with processing(tmp_path) as opened, pytest.raises(CannotRebuild, match=why):
        opened.start_rebuild("second", span)


def test_retention_waits_for_a_rebuild_and_forgets_it_afterwards(tmp_path: Path) -> None:
    prepared(tmp_path, file_bytes=1)
    held: list[int] = []

    def step(rows: pa.RecordBatch, _context: Context) -> pa.RecordBatch:
        retain(tmp_path / "log", age_seconds_max=0, bytes_max=0, now=4e9)
        held.append(len(list((tmp_path / "log" / "0").glob("*.sqlite"))))
        return rows

    with processing(tmp_path) as opened:
        drain(opened)
        opened.engine.flush()
    with processing(tmp_path, steps=lambda: Steps([("retention", step)])) as opened:
        rebuilt(opened, Span(minute(2)))
        assert set(held) == {10}
        assert [path.name for path in (tmp_path / "log" / "readers").iterdir()] == ["second.json"]


def test_what_a_rebuild_that_was_cut_off_has_left_is_deleted_at_the_next_start(tmp_path: Path) -> None:
    prepared(tmp_path)
    stores.begin(tmp_path, "second")
    with processing(tmp_path) as opened:
        drain(opened)
    (tmp_path / "stores" / "second" / "ids").mkdir(parents=True)
    (tmp_path / "log" / "readers" / "second.json").write_text("{}")
    assert stores.unfinished(tmp_path) == "second"
    with processing(tmp_path) as opened:
        opened.start()
        assert not (tmp_path / "stores" / "second").exists()
        assert [path.name for path in (tmp_path / "log" / "readers").iterdir()] == ["main.json"]
        assert stores.unfinished(tmp_path) is None
        rebuilt(opened, Span(minute(2)))


def test_a_failed_rebuild_leaves_the_store_in_use_as_it_is(tmp_path: Path) -> None:
    prepared(tmp_path)

    def away(rows: pa.RecordBatch, _context: Context) -> pa.RecordBatch:
        raise OSError("the disk is away")

    with processing(tmp_path) as opened:
        drain(opened)
        opened.engine.flush()
        before = tables(opened)
    with processing(tmp_path, steps=lambda: Steps([("away", away)])) as opened:
        rebuild = opened.start_rebuild("second", Span(minute(2)))
        assert opened._rebuilding is not None
        opened._rebuilding.join(60)
        assert rebuild.failure is not None
        assert "the disk is away" in rebuild.failure
        assert stores.others(tmp_path) == []
        assert differences(before, tables(opened)) == {}
