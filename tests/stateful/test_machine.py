"""Log, processing and store under random interleavings of use, crash and damage, against a plain model of them."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.stateful.model import Held, Sent, Written

from ecompulse.contract.check import check
from ecompulse.contract.columns import DeadLetter
from ecompulse.contract.event import Event, Item, Properties
from ecompulse.log.sqlite import SqliteAppender, file, retain
from ecompulse.process.ledger import totals
from ecompulse.process.service import CannotRebuild, Config, Processing
from ecompulse.process.step import Steps
from ecompulse.run.trace import trace
from ecompulse.run.verify import reach, verify
from ecompulse.store import StoreError
from ecompulse.store.duckdb.letters import Keep

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW_US = int((START + timedelta(days=2)).timestamp() * 1e6)
FAR_FUTURE = 4e9
"""A time at which every file of the log is old."""
FILE_BYTES = 3_000
"""Some four entries: files are rolled often."""

fresh = st.tuples(st.sampled_from(["page_view", "purchase", "user_login"]), st.integers(0, 90), st.sampled_from([None, "s"]))
parts = st.integers(0, 1)


def event(sent: Sent) -> Event:
    kind, minute, session = sent.content[:3]
    usual: dict[str, dict[str, Any]] = {
        "page_view": {"page_url": "https://shop.example/"},
        "purchase": {"order_id": f"o-{sent.number}", "currency": "EUR", "total": 4.5, "items": (Item("p", 3, 1.5),)},
    }
    assert isinstance(kind, str)
    assert isinstance(minute, int)
    assert session is None or isinstance(session, str)
    when = (START + timedelta(minutes=minute)).isoformat()
    marked = {**usual.get(kind, {}), "coupon": "".join(map(str, sent.content[3:])) or None}
    return Event(
        kind, event_id=str(uuid.UUID(int=sent.number + (0x7000_8000 << 64))), timestamp=when, user_id=f"u-{sent.number % 3}",
        anonymous_id="a", session_id=session, properties=Properties(**marked),
    )  # fmt: skip


LETTER = DeadLetter("is required", "event_type", None, None, "canonical", "default", None, NOW_US, b"\xff{}")


class Machine(RuleBasedStateMachine):
    """Two partitions, one store. `tail` is what the model's store holds, `durable` what it would hold after a crash."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="ecompulse-machine-"))
        self.log: dict[int, list[Written]] = {0: [], 1: []}
        self.used: list[Sent] = []
        self.tail, self.durable = Held(), Held()
        self.frozen: Held | None = None
        self.deleted = False
        self.stores = 0
        self.appenders = [self._appender(partition) for partition in self.log]
        self.open()

    def teardown(self) -> None:
        try:
            self.verifies()
            self.read()
            self.agrees_with_the_model()
            self.verifies()
        finally:
            self.opened.abandon()
            for appender in self.appenders:
                appender.close()
            shutil.rmtree(self.folder)

    def _appender(self, partition: int) -> SqliteAppender:
        return SqliteAppender(self.folder / "log", partition, file_bytes=FILE_BYTES)

    def open(self) -> None:
        self.opened = Processing(Config(data=self.folder), lambda: Steps([]))

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with self.opened.store.snapshot(10) as snapshot:
            return [tuple(row.values()) for row in snapshot.query(sql).to_pylist()]

    # ---- what senders do

    def _append(self, partition: int, events: list[Sent], rejected: int = 0) -> None:
        batch = check([event(sent) for sent in events], NOW_US)
        assert not batch.violations
        offset = self.appenders[partition].append(batch.batch, [LETTER] * rejected)
        self.log[partition].append(Written(offset, events, rejected))
        self.used += events

    @initialize(made=st.lists(fresh, min_size=3, max_size=3))
    def begin(self, made: list[tuple[Any, ...]]) -> None:
        self.append(0, made, 0)

    @rule(partition=parts, made=st.lists(fresh, min_size=1, max_size=4), rejected=st.integers(0, 2))
    def append(self, partition: int, made: list[tuple[Any, ...]], rejected: int) -> None:
        """New events, some of them late (their minute is any)."""
        self._append(partition, [Sent(len(self.used) + at, content) for at, content in enumerate(made)], rejected)

    @precondition(lambda self: self.used)
    @rule(partition=parts, chosen=st.lists(st.integers(0, 1_000), min_size=1, max_size=3))
    def send_again(self, partition: int, chosen: list[int]) -> None:
        again = [self.used[index % len(self.used)] for index in chosen]
        self._append(partition, [Sent(sent.number, sent.content) for sent in again])

    @precondition(lambda self: self.used)
    @rule(partition=parts, chosen=st.integers(0, 1_000), mark=st.integers(0, 2))
    def use_an_id_for_another_event(self, partition: int, chosen: int, mark: int) -> None:
        before = self.used[chosen % len(self.used)]
        self._append(partition, [Sent(before.number, (*before.content[:3], f"other {mark}"))])

    # ---- what the system does

    @rule()
    def read(self) -> None:
        while self.opened.engine.round():
            pass
        self.tail.take(self.log)

    @rule()
    def flush(self) -> None:
        self.frozen = self.frozen or self.tail.copy()
        self.opened.engine.flush()
        self.durable, self.frozen = self.frozen, None

    @rule()
    def fail_to_flush(self) -> None:
        if self.tail.positions == self.durable.positions:
            return  # nothing to write
        real = self.opened.store._database
        self.opened.store._database = Refusing(real)  # type: ignore[assignment]  # stands in for the database until it is put back
        try:
            with pytest.raises(StoreError, match="disk is full"):
                self.opened.engine.flush()
        finally:
            self.opened.store._database = real
        self.frozen = self.frozen or self.tail.copy()

    @rule()
    def rest(self) -> None:
        """Retention, told that everything is old: it deletes what the store has durably, and nothing else."""
        done = retain(self.folder / "log", age_seconds_max=0, bytes_max=0, now=FAR_FUTURE)
        self.deleted |= bool(done.deleted)

    @rule()
    def let_letters_go(self) -> None:
        """All that are durable; every one stays counted, and a store that is rebuilt may find them in the log again."""
        self.opened.store.keep_letters(Keep(seconds=0), FAR_FUTURE)
        assert self.ask("select count(*) from events.main.dead_letters") == [(0,)]

    # ---- what befalls it

    @rule()
    def crash(self) -> None:
        self.opened.abandon()
        self.tail, self.frozen = self.durable.copy(), None
        self.open()

    @rule(partition=parts)
    def restart_a_collector(self, partition: int) -> None:
        self.appenders[partition].close()
        self.appenders[partition] = self._appender(partition)

    @rule()
    def restart(self) -> None:
        self.opened.stop()
        self.tail.take(self.log)
        self.durable = self.frozen or self.tail
        self.tail, self.frozen = self.durable.copy(), None
        self.open()

    @rule(partition=parts, chosen=st.integers(0, 1_000), what=st.sampled_from(["checksum = checksum + 1", "events = x'00'"]))
    def damage(self, partition: int, chosen: int, what: str) -> None:
        """Of what the store does not have durably: the rest would be met by a rebuild only, which is told apart there."""
        left = [entry for entry in self.log[partition] if entry.offset >= self.durable.positions[partition] and entry.events]
        if not left:
            return
        entry = left[chosen % len(left)]
        first = max(first for first in file.firsts(self.folder / "log", partition) if first <= entry.offset)
        with sqlite3.connect(file.path_of(self.folder / "log", partition, first), timeout=10) as connection:
            assert connection.execute(f"update entries set {what} where offset = ?", [entry.offset]).rowcount == 1
        connection.close()
        entry.damaged = True

    @rule()
    def rebuild(self) -> None:
        self.stores += 1
        if self.deleted:
            with pytest.raises(CannotRebuild):
                self.opened.start_rebuild(f"store-{self.stores}")
            return
        done = self.opened.start_rebuild(f"store-{self.stores}")
        thread = self.opened._rebuilding
        assert thread is not None
        thread.join(20)
        assert done.finished
        assert done.failure is None
        self.opened.stop()  # the new store's engine has a thread of its own by now
        self.durable, self.frozen = Held(), None
        self.durable.take(self.log)
        self.tail = self.durable.copy()
        self.open()

    # ---- what must hold at any time

    @invariant()
    def agrees_with_the_model(self) -> None:
        """In one picture: every row, every count, and where the log was."""
        ends = self.opened.ends()
        with self.opened.store.snapshot(10) as snapshot:
            found = snapshot.query("select event_id::varchar as event_id, coupon from events").to_pylist()
            ledger = totals(snapshot, ends, self.opened.as_of())
            positions = Counter(snapshot.positions)
        assert positions == self.tail.positions
        expected = [event(sent) for sent in self.tail.rows.values()]
        assert len(found) == len(expected)
        assert {row["event_id"]: row["coupon"] for row in found} == {made.event_id: made.properties.coupon for made in expected}
        counted = {"stored": ledger["stored"], "duplicate": ledger["duplicates"], "dead_letter": ledger["dead_letters"]}
        assert Counter(counted) == self.tail.outcomes
        written = Counter({partition: sum(entry.count for entry in entries) for partition, entries in self.log.items()})
        assert Counter(ends) == written
        assert ledger["received"] == written.total()
        assert ledger["in_flight"] == written.total() - self.tail.positions.total()
        assert ledger["balanced"]

    def verifies(self) -> None:
        """What `ecompulse verify` would say."""
        reached, ledger = reach(self.ask), self.opened.account()
        assert [found for found in verify(self.ask, ledger, self.folder / "log", reached) if not found.agrees] == []
        positions = {one["partition"]: one["position"] for one in ledger["positions"]}
        assert trace(self.ask, positions, self.folder / "log", let_go=bool(ledger["dead_letters_let_go"])).named == []


class Refusing:
    """A DuckDB connection whose transactions do not reach the disk."""

    def __init__(self, real: duckdb.DuckDBPyConnection) -> None:
        self._real = real

    def cursor(self) -> Any:
        real = self._real.cursor()

        class Cursor:
            def __getattr__(self, name: str) -> Any:
                return getattr(real, name)

            def commit(self) -> None:
                raise duckdb.IOException("disk is full")

        return Cursor()


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=8,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
