"""Dead letters that are let go: the oldest first, by age and by size, and every one counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from ecompulse.contract.columns import STORED, DeadLetter
from ecompulse.run.verify import CHECKS
from ecompulse.store import Addition, LedgerKey, PlacedLetter, StoreError
from ecompulse.store.duckdb import DuckDBStore, database
from ecompulse.store.duckdb import letters as retention
from ecompulse.store.duckdb.letters import ROW_BYTES, Keep
from ecompulse.store.duckdb.tail import Tail

NOW = 1_800_000_000.0
DAY = 86400.0
REASON = "is required"
BODY = b"x" * (1_000 - ROW_BYTES - len(REASON))
"""A letter of a thousand bytes."""
EVERY = Keep(seconds=30 * DAY, bytes_max=10**9)


class Holding:
    """A store with dead letters in it, durably, and the ledger that counts them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.offset = folder, 0
        self.store = DuckDBStore(folder)

    def receive(self, count: int, *, days_ago: float, kind: str | None = "purchase", body: bytes = BODY) -> None:
        """Letters of this age, a second apart, the oldest first."""
        start = int((NOW - days_ago * DAY) * 1e6)
        placed = [
            PlacedLetter(0, self.offset + n, DeadLetter(REASON, "f", None, kind, "canonical", "default", "k", start + n * 1_000_000, body))
            for n in range(count)
        ]
        self.offset += count
        known = kind if kind == "purchase" else ""
        ledger = Counter({LedgerKey("default", "canonical", "k", known, "dead_letter"): count})
        self.store.add(Addition(pa.RecordBatch.from_pylist([], STORED), placed, ledger, {0: self.offset}))
        self.flush()

    def flush(self) -> None:
        assert self.store.freeze()
        self.store.flush([], {})

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with self.store.snapshot() as snapshot:
            return [tuple(row.values()) for row in snapshot.query(sql).to_pylist()]

    def offsets(self) -> list[int]:
        return [int(name.removeprefix("0-")) for (name,) in self.ask("select id from dead_letters order by received_at, id")]

    def let_go(self) -> dict[str, int]:
        return dict(self.ask("select cause, sum(count)::bigint as n from dead_letters_let_go group by cause"))

    def disagreements(self) -> list[tuple[Any, ...]]:
        check = next(check for check in CHECKS if "dead letters are kept" in check.name)
        return self.ask(check.sql)

    def reopen(self) -> None:
        self.store.close()
        self.store = DuckDBStore(self.folder)


@pytest.fixture
def holding(tmp_path: Path) -> Iterator[Holding]:
    held = Holding(tmp_path)
    yield held
    held.store.close()


def test_letters_beyond_their_age_go_and_the_younger_stay(holding: Holding) -> None:
    holding.receive(3, days_ago=31)
    holding.receive(2, days_ago=29)
    kept = holding.store.keep_letters(EVERY, NOW)
    assert (kept.by_age, kept.by_size, kept.letters, kept.bytes) == (3, 0, 2, 2_000)
    assert holding.offsets() == [3, 4]
    assert holding.let_go() == {"age": 3}
    assert holding.disagreements() == []


def test_beyond_the_size_the_oldest_go_until_there_is_room_again(holding: Holding) -> None:
    holding.receive(100, days_ago=2)
    holding.receive(21, days_ago=1, kind="no such type")
    kept = holding.store.keep_letters(Keep(seconds=30 * DAY, bytes_max=100_000), NOW)
    assert (kept.by_age, kept.by_size, kept.letters, kept.bytes) == (0, 26, 95, 95_000)
    assert holding.offsets() == list(range(26, 121))
    assert holding.disagreements() == []
    assert holding.store.keep_letters(Keep(seconds=30 * DAY, bytes_max=100_000), NOW).by_size == 0, "it is within its size now"


def test_a_size_that_is_not_exceeded_costs_no_letter(holding: Holding) -> None:
    holding.receive(100, days_ago=2)
    assert holding.store.keep_letters(Keep(seconds=30 * DAY, bytes_max=100_000), NOW).by_size == 0


def test_bytes_that_are_no_text_count_too(holding: Holding) -> None:
    holding.receive(1, days_ago=1, body=b"\xff" * 50)
    assert holding.store.keep_letters(EVERY, NOW).bytes > 50 + 50 + ROW_BYTES


def test_more_than_one_transaction_s_worth_goes_and_is_counted(holding: Holding, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 10)
    holding.receive(35, days_ago=40)
    holding.receive(35, days_ago=3)
    kept = holding.store.keep_letters(Keep(seconds=30 * DAY, bytes_max=20_000), NOW)
    assert (kept.by_age, kept.by_size, kept.letters) == (35, 16, 19)
    assert holding.let_go() == {"age": 35, "size": 16}
    assert holding.disagreements() == []


def test_what_was_let_go_stays_counted_over_a_restart_and_is_not_taken_again(holding: Holding) -> None:
    holding.receive(5, days_ago=31)
    holding.store.keep_letters(EVERY, NOW)
    holding.reopen()
    holding.receive(1, days_ago=31)
    holding.store.keep_letters(EVERY, NOW)
    assert holding.let_go() == {"age": 6}
    assert holding.ask("select event_type, key, count, bytes from dead_letters_let_go") == [("purchase", "k", 6, 6_000)]
    assert holding.disagreements() == []


def test_the_ledger_counts_letters_for_ever(holding: Holding) -> None:
    holding.receive(5, days_ago=31)
    before = holding.ask("select sum(count)::bigint as n from ledger")
    holding.store.keep_letters(EVERY, NOW)
    assert holding.ask("select sum(count)::bigint as n from ledger") == before == [(5,)]


def test_a_letter_that_waits_in_the_tail_is_let_go_once_it_is_written(holding: Holding) -> None:
    letter = PlacedLetter(0, 0, DeadLetter(REASON, "", None, None, "canonical", "default", None, 0, b""))
    key = LedgerKey("default", "canonical", "", "", "dead_letter")
    holding.store.add(Addition(pa.RecordBatch.from_pylist([], STORED), [letter], {key: 1}, {0: 1}))
    assert holding.store.keep_letters(EVERY, NOW).by_age == 0
    holding.flush()
    assert holding.store.keep_letters(EVERY, NOW).by_age == 1


def test_a_letter_that_is_being_marked_is_let_go_after_the_mark_is_written(holding: Holding, monkeypatch: pytest.MonkeyPatch) -> None:
    holding.receive(2, days_ago=31)
    holding.store.mark_replayed(["0-0"], 7)
    wrong: list[Exception] = []

    def let_go() -> None:
        try:
            holding.store.keep_letters(EVERY, NOW)
        except StoreError as error:
            wrong.append(error)

    other, insert = threading.Thread(target=let_go), database.insert_tail

    def insert_while_letters_go(writer: duckdb.DuckDBPyConnection, frozen: Tail) -> None:
        insert(writer, frozen)
        other.start()
        other.join(0.5)

    monkeypatch.setattr(database, "insert_tail", insert_while_letters_go)
    holding.flush()
    other.join()
    assert not wrong
    assert holding.ask("select count, replayed from dead_letters_let_go") == [(2, 1)]


def test_letters_that_could_not_be_counted_are_not_let_go(holding: Holding, monkeypatch: pytest.MonkeyPatch) -> None:
    holding.receive(3, days_ago=31)
    monkeypatch.setattr(retention, "_COUNT", "insert into nowhere select $now")
    with pytest.raises(StoreError, match="still there"):
        holding.store.keep_letters(EVERY, NOW)
    assert holding.offsets() == [0, 1, 2]
    assert holding.disagreements() == []


def test_a_letter_taken_away_without_being_counted_is_found_by_verify(holding: Holding) -> None:
    holding.receive(3, days_ago=1)
    holding.store.close()
    with duckdb.connect(str(holding.folder / "events.duckdb")) as connection:
        connection.execute("delete from dead_letters where id = '0-1'")
    holding.store = DuckDBStore(holding.folder)
    assert holding.disagreements() == [("default · canonical · k · purchase", "letters 3", "letters 2")]
