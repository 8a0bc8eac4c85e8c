"""Replaying dead letters: each becomes one event at most, however it is corrected and whatever is killed in between."""

from __future__ import annotations

import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecompulse.analyze.listing import letters_by_id
from ecompulse.contract.columns import DeadLetter
from ecompulse.log.sqlite import SqliteAppender, retain
from ecompulse.observe import metrics
from ecompulse.process.service import Config, Processing
from ecompulse.process.step import Steps
from ecompulse.run import letters as replaying
from ecompulse.run.letters import PARTITION, Letters
from ecompulse.run.processing import _config
from ecompulse.run.replays import Replays
from ecompulse.run.settings import DECLARED, Settings
from ecompulse.run.verify import verify
from ecompulse.serve.state import Letter, Replayed, ReplayFailed
from ecompulse.store.duckdb.letters import Keep

NOW_US = 1_790_000_000_000_000
FAR_FUTURE = 4e9
USED = str(uuid.UUID(int=7 + (0x7000_8000 << 64)))


class Killed(BaseException):
    """The process ends here."""


class Site:
    """A data folder with dead letters, its processing, and what replays them; `restart` is a kill -9 and a new start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.collector = SqliteAppender(folder / "log", 0)
        self.open()

    def open(self) -> None:
        self.processing = Processing(Config(data=self.folder), lambda: Steps([]))
        self.letters = Letters(self.folder, self.processing, "truncated")
        self.read()

    def read(self) -> None:
        while self.processing.engine.round():
            pass

    def reject(self, body: dict[str, Any] | bytes, field: str = "properties.product_id", reason: str = "is required") -> str:
        """A dead letter with this body; its id."""
        packed = body if isinstance(body, bytes) else json.dumps(body).encode()
        offset = self.collector.append(None, [DeadLetter(reason, field, None, None, "canonical", "default", None, NOW_US, packed)])
        self.read()
        return f"0-{offset}"

    def replay(self, *asked: str, body: dict[str, Any] | None = None) -> list[Replayed]:
        """Replay letters, with another body."""
        rows = {row["id"]: row for row in letters_by_id(self.processing, asked)}
        outcomes = self.letters.replay([_letter(rows[one], body) for one in asked])
        self.read()
        return outcomes

    def events(self, columns: str = "event_id::varchar") -> list[Any]:
        return [row[0] for row in self.ask(f"select {columns} from events order by 1")]

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with self.processing.snapshot(10) as snapshot:
            return [tuple(row.values()) for row in snapshot.query(sql).to_pylist()]

    def marked(self) -> list[str]:
        return [row[0] for row in self.ask("select id from dead_letters where replayed_at is not null order by id")]

    def restart(self, *, without_store: bool = False) -> None:
        self.letters.close()
        self.processing.abandon()
        if without_store:
            shutil.rmtree(self.folder / "stores")
        self.open()

    def must_balance(self) -> None:
        assert [check for check in verify(self.ask, self.processing.ledger()) if not check.agrees] == []

    def close(self) -> None:
        self.letters.close()
        self.processing.abandon()
        self.collector.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def view(product: str | None = None, **envelope: Any) -> dict[str, Any]:
    """A product view, which is wrong without a product."""
    return {"event_type": "product_view", "user_id": "u", **envelope, "properties": {"product_id": product} if product else {}}


def _letter(row: dict[str, Any], body: dict[str, Any] | None) -> Letter:
    edited = row["body"] if body is None else json.dumps(body).encode()
    return Letter(
        row["id"], row["dialect"], row["site"], row["sender_key"], edited, row["body"], row["field"], row["reason"], row["replayed_at"]
    )


def outcomes(found: list[Replayed]) -> list[str]:
    return [one.outcome for one in found]


def test_a_letter_is_taken_once_though_it_is_corrected_otherwise_the_second_time(site: Site) -> None:
    letter = site.reject(view())
    first = site.replay(letter, body=view("P-1"))
    assert outcomes(first) == ["accepted"]
    again = site.replay(letter, body=view("P-2", event_id=str(uuid.uuid4())))
    assert outcomes(again) == ["already"]
    assert again[0].at is not None
    assert site.events() == [first[0].event_id]
    assert site.marked() == [letter]
    site.must_balance()


def test_one_that_is_still_wrong_can_be_tried_again(site: Site) -> None:
    letter = site.reject(view())
    (wrong,) = site.replay(letter, body=view())
    assert (wrong.outcome, wrong.field, wrong.reason) == ("rejected", "properties.product_id", "is required for product_view")
    assert outcomes(site.replay(letter, body=view("P-1"))) == ["accepted"]


def test_a_letter_that_is_asked_for_twice_at_once_is_taken_once(site: Site) -> None:
    letter = site.reject(view())
    row = letters_by_id(site.processing, [letter])[0]
    twice = [_letter(row, view(product, event_id=str(uuid.uuid4()))) for product in ("P-1", "P-2")]
    assert outcomes(site.letters.replay(twice)) == ["accepted", "already"]
    site.read()
    assert site.events("product_id") == ["P-1"]


def test_killed_after_the_append_and_before_the_mark_it_is_not_taken_again_and_is_marked_later(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = site.reject(view())
    with monkeypatch.context() as patched:
        patched.setattr(site.processing, "mark_replayed", _kill)
        with pytest.raises(Killed):
            site.replay(letter, body=view("P-1"))
    site.restart()
    assert site.marked() == []
    assert outcomes(site.replay(letter, body=view("P-2", event_id=str(uuid.uuid4())))) == ["already"]
    assert site.events("product_id") == ["P-1"]
    site.letters.settle()
    assert site.marked() == [letter]
    site.must_balance()


def test_killed_before_the_append_it_is_taken_the_next_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = site.reject(view()), site.reject(view())
    with monkeypatch.context() as patched:
        patched.setattr(SqliteAppender, "append", _kill)
        with pytest.raises(Killed):
            site.replay(first, body=view("P-1"))
    site.restart()
    assert outcomes(site.replay(second, body=view("P-2"))) == ["accepted"], "it takes the place in the log that the first was to have"
    assert outcomes(site.replay(first, body=view("P-1"))) == ["accepted"]
    assert site.events("product_id") == ["P-1", "P-2"]


def test_a_log_that_cannot_be_written_takes_no_letter_and_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    letter = site.reject(view())
    with monkeypatch.context() as patched:
        patched.setattr(SqliteAppender, "append", _full)
        with pytest.raises(ReplayFailed, match="disk is full"):
            site.replay(letter, body=view("P-1"))
    assert site.marked() == []
    assert outcomes(site.replay(letter, body=view("P-1"))) == ["accepted"]


def test_a_store_made_anew_from_the_log_takes_no_letter_twice(site: Site) -> None:
    letter = site.reject(view())
    site.replay(letter, body=view("P-1"))
    site.restart(without_store=True)
    assert outcomes(site.replay(letter, body=view("P-2", event_id=str(uuid.uuid4())))) == ["already"]
    site.letters.settle()
    assert site.marked() == [letter]
    assert site.events("product_id") == ["P-1"]
    site.must_balance()


def test_an_id_that_was_used_before_must_be_exchanged(site: Site) -> None:
    body = view("P-1", event_id=USED)
    letter = site.reject(body, "event_id", "the id was used before by an event with other content")
    (kept,) = site.replay(letter)
    assert (kept.outcome, kept.field) == ("rejected", "event_id")
    assert "used before" in str(kept.reason)
    assert outcomes(site.replay(letter, body=view("P-1"))) == ["accepted"]
    assert USED not in site.events()


def test_bytes_that_are_no_event_say_so(site: Site) -> None:
    (told,) = site.replay(site.reject(b"\xff not JSON"))
    assert told.outcome == "rejected"
    assert "JSON" in str(told.reason)


def test_nothing_is_opened_before_something_is_replayed(site: Site) -> None:
    site.letters.settle()
    assert not (site.folder / "log" / str(PARTITION)).exists()


def test_notes_are_forgotten_when_neither_store_nor_log_has_the_letter(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "SETTLED_SECONDS", -1.0)
    monkeypatch.setattr(replaying, "FORGET_SECONDS", -1.0)
    gone, kept = site.reject(view()), site.reject(view())
    site.replay(gone, kept, body=view("P-1"))
    site.processing.engine.flush()
    site.processing.store.keep_letters(Keep(bytes_max=250), NOW_US / 1e6)
    assert site.ask("select id from dead_letters") == [(kept,)]
    site.restart()
    _look(site)
    assert _notes(site) == {gone, kept}, "the log has them still"
    site.collector.close()
    site.collector = SqliteAppender(site.folder / "log", 0)
    site.reject(view())
    site.processing.engine.flush()
    assert retain(site.folder / "log", 0, 0, FAR_FUTURE).deleted
    _look(site)
    assert _notes(site) == {kept}


def test_a_rebuilt_store_counts_the_letters_that_were_let_go_before(site: Site) -> None:
    letters = [site.reject(view()) for _ in range(5)]
    site.replay(letters[0], body=view("P-1"))
    site.processing.engine.flush()
    site.processing.store.keep_letters(Keep(seconds=0), FAR_FUTURE)
    before = site.processing.ledger()
    assert before["dead_letters_let_go"] == 5
    rebuilt = site.processing.start_rebuild("second")
    thread = site.processing._rebuilding
    assert thread is not None
    thread.join(20)
    assert rebuilt.failure is None
    site.processing.stop()
    site.processing = Processing(Config(data=site.folder), lambda: Steps([]))
    after = site.processing.ledger()
    assert {name: after[name] for name in ("received", "stored", "duplicates", "dead_letters", "balanced")} == {
        name: before[name] for name in ("received", "stored", "duplicates", "dead_letters", "balanced")
    }
    site.must_balance()


def test_letters_that_are_let_go_are_said_and_measured(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        site.reject(view())
    site.processing.engine.flush()
    before = _sample("ecompulse_store_dead_letters_let_go_total", cause="age")
    with caplog.at_level("WARNING"):
        site.processing.maintenance.keep_letters(site.processing.store, FAR_FUTURE)
    assert "3 for their age" in caplog.text
    assert _sample("ecompulse_store_dead_letters_let_go_total", cause="age") == before + 3
    assert _sample("ecompulse_store_dead_letters") == 0
    assert site.processing.ledger()["dead_letters_let_go"] == 3


def test_the_limits_are_settings(tmp_path: Path) -> None:
    given = {"data": str(tmp_path), "dead_letters_keep_time": "2d", "dead_letters_keep_bytes": "5MB"}
    read = {one.name: one.read(given.get(one.name, one.default)) for one in DECLARED}
    assert _config(Settings(**read)).letters == Keep(2 * 86400.0, 5_000_000)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("replay"), st.integers(0, 2), st.integers(0, 3)),
        st.tuples(st.sampled_from(["killed at note", "killed after note", "killed after append"]), st.integers(0, 2), st.integers(0, 3)),
        st.tuples(st.sampled_from(["flush", "kill", "new store", "settle"]), st.just(0), st.just(0)),
    ),
    min_size=4,
    max_size=12,
)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_whatever_is_killed_when_a_letter_is_one_event_at_most_and_one_if_it_was_acknowledged(steps: list[tuple[str, int, int]]) -> None:
    with tempfile.TemporaryDirectory(prefix="ecompulse-letters-") as folder:
        site = Site(Path(folder))
        try:
            _interleave(site, steps)
        finally:
            site.close()


def _interleave(site: Site, steps: list[tuple[str, int, int]]) -> None:
    letters = [site.reject(view(user_id=f"user {number}")) for number in range(3)]
    acknowledged: set[str] = set()
    for what, number, variant in steps:
        letter = letters[number]
        given = {} if variant == 0 else {"event_id": str(uuid.UUID(int=16 * number + variant + (0x7000_8000 << 64)))}
        body = view(f"P-{variant}", user_id=f"user {number}", **given)
        match what:
            case "replay":
                (told,) = site.replay(letter, body=body)
                assert told.outcome in ("accepted", "already")
                assert told.outcome == "already" or letter not in acknowledged
                acknowledged.add(letter)
            case "flush":
                site.processing.engine.flush()
            case "kill" | "new store":
                site.restart(without_store=what == "new store")
            case "settle":
                site.letters.settle()
            case _:
                _replay_killed(site, letter, body, what)
        users = site.events("user_id")
        assert len(users) == len(set(users)), "a letter became two events"
        assert {f"user {letters.index(letter)}" for letter in acknowledged} <= set(users)
    site.must_balance()


def _replay_killed(site: Site, letter: str, body: dict[str, Any], when: str) -> None:
    with pytest.MonkeyPatch.context() as patched:
        if when == "killed at note":
            patched.setattr(Replays, "note", _kill)
        elif when == "killed after note":
            patched.setattr(SqliteAppender, "append", _kill)
        else:
            patched.setattr(site.processing, "mark_replayed", _kill)
        try:
            site.replay(letter, body=body)
        except Killed:
            site.restart()


def _kill(*_: object) -> None:
    raise Killed


def _sample(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def _full(*_: object) -> None:
    raise OSError("disk is full")


def _look(site: Site) -> None:
    site.letters.settle()  # what is marked is settled
    site.letters.settle()  # then there is time to forget


def _notes(site: Site) -> set[str]:
    appender, notes = site.letters._open()
    return set(notes.all(appender.end))
