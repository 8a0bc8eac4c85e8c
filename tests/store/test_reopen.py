"""After much was written the database is opened anew, so that it forgets what it knows of each row group; nobody notices."""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import pytest
from tests.store.test_picture import addition

from ecompulse.store import StoreError
from ecompulse.store.duckdb import DuckDBStore, connect, usage
from ecompulse.store.duckdb.letters import Keep


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "REOPEN_ROWS", 100)
    monkeypatch.setattr(usage, "REOPEN_SECONDS", 0.2)


def opened(store: DuckDBStore) -> duckdb.DuckDBPyConnection | None:
    """What is another one after the database was opened anew."""
    return store._database._connection


def write(store: DuckDBStore, start: int, count: int) -> None:
    store.add(addition(start, count))
    store.freeze()
    store.flush([], {})


def rows(store: DuckDBStore) -> int:
    with store.snapshot() as snapshot:
        return int(snapshot.query("select count(*) as n from events").to_pylist()[0]["n"])


def test_it_is_opened_anew_once_enough_was_written_and_has_all_of_it(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path)
    first = opened(store)
    write(store, 0, 99)
    assert opened(store) is first
    assert rows(store) == 99
    write(store, 99, 10)
    second = opened(store)
    assert second is not first
    store.add(addition(109, 5))  # in the tail
    assert rows(store) == 114
    write(store, 114, 50)
    assert opened(store) is second, "it counts from there on"
    assert rows(store) == 164
    with store.snapshot() as snapshot, pytest.raises(Exception, match=r"lock|disabled"):
        snapshot.query("set threads = 1")
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.keep_letters(Keep(), 0)


def test_a_question_that_is_being_answered_is_waited_for_and_then_left_alone(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path)
    first = opened(store)
    with store.snapshot() as snapshot:
        write(store, 0, 200)
        assert opened(store) is first
        assert snapshot.query("select count(*) as n from events").to_pylist() == [{"n": 0}]
    with store.cursor():
        write(store, 200, 1)
        assert opened(store) is first
    write(store, 201, 1)
    assert opened(store) is not first
    assert rows(store) == 202
    store.close()


def test_questions_all_the_while_are_all_answered(tmp_path: Path) -> None:
    store, over, wrong, asked = DuckDBStore(tmp_path), threading.Event(), [], []

    def ask() -> None:
        had = 0
        while not over.is_set():
            try:
                found = rows(store)
            except Exception as error:  # none may fail, of whatever kind
                wrong.append(error)
                return
            if found < had:
                wrong.append(AssertionError(f"{found} after {had}"))
            had = found
            asked.append(found)

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    seen = {opened(store)}
    for part in range(12):
        write(store, 100 * part, 100)
        seen.add(opened(store))
    over.set()
    for asker in askers:
        asker.join(10)
    assert not wrong
    assert asked
    assert len(seen) > 2, "it was opened anew between them"
    assert rows(store) == 1_200
    store.close()


def test_where_it_cannot_be_opened_the_next_use_tries_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = DuckDBStore(tmp_path)
    real = connect.connect
    monkeypatch.setattr(connect, "connect", lambda *_: (_ for _ in ()).throw(StoreError("no descriptors left")))
    write(store, 0, 200)  # it is durable, so this is no error
    assert store.durable_positions()
    with pytest.raises(Exception, match="no descriptors left"):
        rows(store)
    store.add(addition(200, 1))
    store.freeze()
    with pytest.raises(StoreError, match="no descriptors left"):
        store.flush([], {})
    monkeypatch.setattr(connect, "connect", real)
    assert store.flush([], {}) == 1
    assert rows(store) == 201
    store.close()
