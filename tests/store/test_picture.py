"""Pictures of the store while it is written: what is in the tail and what is in the tables, each row once."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from ecompulse.contract.check import check
from ecompulse.contract.event import Event, Item, Properties
from ecompulse.log import Entry
from ecompulse.process.engine import placed, stored
from ecompulse.store import Addition
from ecompulse.store.duckdb import DuckDBStore, database, picture, tail
from ecompulse.store.duckdb.picture import NAMES
from ecompulse.store.duckdb.tail import Batches
from ecompulse.store.duckdb.views import behind

NOW_US = 1_790_000_000_000_000
RELATIONS = ("events", "order_items", "minute_totals", "session_parts", "sessions", "identities", "visitors", "dead_letters", "ledger")
BOTH = "select (select count(*) from events) as rows, (select sum(events) from minute_totals) as summed"


def addition(offset: int, count: int) -> Addition:
    """Purchases of one item for 2.50, views by named and unnamed people."""
    events = [
        Event("purchase", anonymous_id=f"a-{n % 7}", user_id=f"u-{n % 7}", session_id=f"s-{n % 5}",
              properties=Properties(order_id=f"o-{n}", currency="EUR", total=2.5, items=(Item("p", 1, 2.5),)))
        if n % 3 == 0
        else Event("page_view", anonymous_id=f"a-{n % 7}", properties=Properties(page_url="https://shop.example/"))
        for n in range(offset, offset + count)
    ]  # fmt: skip
    batch = placed([Entry(0, offset, count, check(events, NOW_US).batch, [])])
    assert batch is not None
    rows = stored(batch.append_column("fingerprint", pa.array([0] * count, pa.uint64())))
    return Addition(rows, [], Counter(), {0: offset + count})


def asked(store: DuckDBStore, sql: str) -> list[dict[str, Any]]:
    with store.snapshot() as taken:
        return taken.query(sql).to_pylist()


def test_every_picture_is_of_one_moment_while_tails_are_set_aside_and_written(tmp_path: Path) -> None:
    store, ended, wrong = DuckDBStore(tmp_path), threading.Event(), []
    pictures = 0

    def look() -> None:
        nonlocal pictures
        while not ended.is_set():
            with store.snapshot() as taken:
                [row] = taken.query(
                    "select (select count(*) from events) as rows, (select sum(events) from minute_totals) as summed"
                ).to_pylist()
                if {row["rows"], row["summed"] or 0} != {taken.positions.get(0, 0)}:
                    wrong.append((row, taken.positions))
                pictures += 1

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    for number in range(60):
        store.add(addition(20 * number, 20))
        if number % 2:
            store.freeze()
            store.flush([], {})
    ended.set()
    for looker in lookers:
        looker.join()
    assert not wrong
    assert pictures > 20
    store.close()


def test_questions_are_answered_while_a_flush_is_being_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, answers = DuckDBStore(tmp_path), []
    store.add(addition(0, 10))
    store.freeze()
    flushes = store._flush  # the moment between a commit and what the store remembers of it cannot be reached from outside

    def in_between(*given: Any) -> int:
        answers.append(asked(store, "select count(*) as n from events"))
        done = flushes(*given)
        answers.append(asked(store, "select count(*) as n from events"))
        return done

    monkeypatch.setattr(store, "_flush", in_between)
    store.flush([], {})
    assert answers == [[{"n": 10}]] * 2
    store.close()


def test_a_tail_that_is_written_whole_while_a_picture_is_taken_is_seen_with_its_positions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, counted, waiting = DuckDBStore(tmp_path), database._flushes, [1]

    def late(connection: duckdb.DuckDBPyConnection) -> int:
        if waiting and waiting.pop():  # after the tails were looked at, before the transaction sees anything
            store.add(addition(10, 10))
            store.freeze()
            store.flush([], {})
        return counted(connection)

    store.add(addition(0, 10))
    monkeypatch.setattr(database, "_flushes", late)
    with store.snapshot() as taken:
        assert taken.query("select count(*) as n from events").to_pylist() == [{"n": taken.positions[0]}]
    store.close()


def test_rows_are_added_and_asked_for_while_others_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, began, go_on, joined = DuckDBStore(tmp_path), threading.Event(), threading.Event(), database.joined

    def slowly(batches: Batches) -> Batches:
        began.set()
        assert go_on.wait(10)
        return joined(batches)

    monkeypatch.setattr(database, "joined", slowly)
    monkeypatch.setattr(database, "one", slowly)
    monkeypatch.setattr(database, "CHUNKS_MAX", 3)
    for number in range(5):
        store.add(addition(10 * number, 10))
    counts = "select (select count(*) from events) as rows, (select sum(events) from minute_totals) as summed"
    for waiting in (lambda: asked(store, counts), lambda: store.freeze() and store.flush([], {})):
        began.clear()
        go_on.clear()
        joining = threading.Thread(target=waiting)
        joining.start()
        assert began.wait(10)
        before = store.positions()[0]
        store.add(addition(before, 10))
        assert asked(store, counts) == [{"rows": before + 10, "summed": before + 10}]
        go_on.set()
        joining.join()
    assert asked(store, counts) == [{"rows": 70, "summed": 70}]
    store.close()


def test_a_question_finds_few_chunks_however_many_additions_there_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, most = DuckDBStore(tmp_path), 8
    monkeypatch.setattr(database, "CHUNKS_MAX", most)
    monkeypatch.setattr(tail, "CHUNKS_MAX", most)
    found = []
    for number in range(50):
        store.add(addition(10 * number, 1 + number % 10))
        with store.snapshot() as taken:
            found.append(taken.query("select count(*) as n from events").to_pylist()[0]["n"])
            chunks = taken._picture.table("tail", taken._cursor).column(0).num_chunks
            assert chunks <= most + 2  # with that of the empty table before them, and the one that makes too many
        store._joiner.submit(int).result()  # the next question comes when this one's join is done
    assert found == [sum(1 + one % 10 for one in range(number + 1)) for number in range(50)]
    store.close()


@pytest.mark.parametrize("block_rows", [1, 7, 30, 10_000])
def test_sums_that_are_kept_of_blocks_change_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_rows: int) -> None:
    monkeypatch.setattr(picture, "BLOCK_ROWS", block_rows)
    questions = [
        "select sum(events) as events, sum(revenue) as revenue, sum(quantity) as quantity from minute_totals",
        "select minute, event_type, sum(events) as events from minute_totals group by all order by all",
        "select event_id, sum(amount) as amount from order_items group by all order by all",
        "select * from visitors order by all",
        "select session_id, visitor, events, orders, revenue, entry_page from sessions order by all",
        "select distinct anonymous_key::varchar as device, user_key::varchar as person from identities order by all",
        "select distinct session_key::varchar as session, user_key::varchar as person from session_parts order by all",
        "select count(*) as n from events",
    ]
    store = DuckDBStore(tmp_path)
    for number in range(12):
        store.add(addition(10 * number, 10))
        answers = [asked(store, question) for question in questions]
        assert answers[-1] == [{"n": 10 * number + 10}]
    store.freeze()
    assert [asked(store, question) for question in questions] == answers  # set aside
    store.flush([], {})
    assert [asked(store, question) for question in questions] == answers  # from the tables alone
    store.close()


def test_several_questions_of_one_picture_see_the_same(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path)
    store.add(addition(0, 10))
    with store.snapshot() as taken:
        store.add(addition(10, 10))
        store.freeze()
        store.flush([], {})
        for relation in ("events", "minute_totals", "events"):
            assert taken.query(f"select count(*) > 0 as some from {relation}").to_pylist() == [{"some": True}]
        assert taken.query("select count(*) as n from EVENTS").to_pylist() == [{"n": 10}]
    assert asked(store, "select count(*) as n from events") == [{"n": 20}]
    store.close()


def test_numbers_of_128_bits_are_answered_as_they_are(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path)
    most = 2**128 - 1
    [row] = asked(store, f"select {most}::uhugeint as most, 7::uhugeint as few, null::uhugeint as none, sum(3) as sum")
    assert row == {"most": str(most), "few": "7", "none": None, "sum": 3}

    store.add(addition(0, 50))
    texts = {row["key"]: row["text"] for row in asked(store, "select session_key as key, session_key::varchar as text from session_parts")}
    assert len(texts) > 5
    assert all(key == text for key, text in texts.items())
    store.close()


def test_whatever_a_statement_names_is_there(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path)
    store.add(addition(0, 3))
    for relation in RELATIONS:
        for name in (relation, relation.upper(), f'"{relation}"', f"/* {relation} */ (select * from {relation})"):
            asked(store, f"with x as (select * from {name}) select count(*) as n from x")
    assert behind("select 1") == frozenset()
    assert behind("select * from sessions") <= set(NAMES)
    assert "tail_replayed" in behind('select * from "DEAD_LETTERS"')
    store.close()
