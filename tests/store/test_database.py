"""The embedded store: one owner, migrations forward only, and questions that never outlive it."""

from __future__ import annotations

import threading
from pathlib import Path
from random import Random

import duckdb
import msgspec
import pyarrow as pa
import pytest
from tests.store.test_picture import addition

from ecompulse.store import QueryError, QueryTimeout, StoreError
from ecompulse.store.duckdb import DuckDBStore, memory
from ecompulse.store.duckdb.relations import MIGRATIONS

ENDLESS = "select count(*) from range(100000000) a, range(100000000) b where (a.range * b.range) % 7 = 3"


def test_a_store_is_brought_up_version_by_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    DuckDBStore(tmp_path).close()
    later = (*MIGRATIONS, ("create table shelves (site varchar)", "insert into shelves values ('default')"))
    monkeypatch.setattr("ecompulse.store.duckdb.bring_up.MIGRATIONS", later)
    for _ in range(2):  # the second time there is nothing to do
        store = DuckDBStore(tmp_path)
        with store.snapshot() as snapshot:
            assert snapshot.query("select count(*) as n from shelves").to_pylist() == [{"n": 1}]
        store.close()


def undo_versions_after_2(connection: duckdb.DuckDBPyConnection) -> None:
    """Make a store as version 2 had it, but for its parts of sessions."""
    connection.execute("delete from version where version > 2")
    connection.execute("alter table identities drop column anonymous_key")
    connection.execute("alter table identities drop column user_key")
    connection.execute("insert into state select 'flushes', number::varchar::blob from flushes")
    connection.execute("drop table flushes")


def test_sums_that_a_version_makes_anew_are_those_of_all_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = "select * exclude (came, entry, exit), came.at, entry.page, exit.page from session_parts order by all"
    store = DuckDBStore(tmp_path)
    store.add(addition(0, 50))
    store.freeze()
    store.flush([], {})
    with store.snapshot() as snapshot:
        expected = snapshot.query(parts).to_pylist()
        identities = snapshot.query("select * from identities order by all").to_pylist()
    store.close()
    with duckdb.connect(str(tmp_path / "events.duckdb")) as connection:
        undo_versions_after_2(connection)
        connection.execute("drop table session_parts")
        connection.execute("create table session_parts (site varchar)")
    monkeypatch.setattr("ecompulse.store.duckdb.bring_up.REMAKE_ROWS", 50)
    store = DuckDBStore(tmp_path)
    with store.snapshot() as snapshot:
        assert snapshot.query(parts).to_pylist() == expected
        assert snapshot.query("select * from identities order by all").to_pylist() == identities
    store.close()
    monkeypatch.setattr("ecompulse.store.duckdb.bring_up.REMAKE_ROWS", 7)
    with duckdb.connect(str(tmp_path / "events.duckdb")) as connection:
        undo_versions_after_2(connection)
    store = DuckDBStore(tmp_path)  # a visitor's sessions agree whatever the pieces are
    with store.cursor() as cursor:
        assert cursor.execute("select number from flushes").fetchall() == [(1,)], "a tail that was written is not written twice"
        assert cursor.execute("select count(*) from state where name = 'flushes'").fetchall() == [(0,)]
    with store.snapshot() as snapshot:
        assert snapshot.query("select sum(events) as n from session_parts").to_pylist() == [{"n": 50}]
        assert len(snapshot.query(parts)) > len(expected), "pieces make parts of their own"
        assert snapshot.query("select sum(events)::bigint as n from sessions").to_pylist() == [{"n": 50}]
    store.close()


def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    DuckDBStore(tmp_path).close()
    broken = (*MIGRATIONS, ("create table shelves (site varchar)", "insert into nowhere values (1)"))
    with monkeypatch.context() as patched:
        patched.setattr("ecompulse.store.duckdb.bring_up.MIGRATIONS", broken)
        with pytest.raises(StoreError, match="nowhere"):
            DuckDBStore(tmp_path)
    store = DuckDBStore(tmp_path)
    with store.snapshot() as snapshot, pytest.raises(QueryError, match="shelves"):
        snapshot.query("select * from shelves")
    store.close()


def test_a_store_of_a_later_version_is_refused(tmp_path: Path) -> None:
    DuckDBStore(tmp_path).close()
    with duckdb.connect(str(tmp_path / "events.duckdb")) as connection:
        connection.execute("insert into version values (99)")
    with pytest.raises(StoreError, match=r"later ecompulse .*version 99"):
        DuckDBStore(tmp_path)


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "events.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError, match=r"events\.duckdb"):
        DuckDBStore(tmp_path)


def test_a_question_that_runs_too_long_is_ended(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path)
    with store.snapshot(0.2) as snapshot, pytest.raises(QueryTimeout, match=r"0\.2 s"):
        snapshot.query(ENDLESS)
    with store.snapshot() as snapshot:
        assert snapshot.query("select 1 as n").to_pylist() == [{"n": 1}]
    store.close()


def test_closing_ends_the_questions_that_are_being_answered(tmp_path: Path) -> None:
    store, asked, ended = DuckDBStore(tmp_path), threading.Event(), []

    def ask() -> None:
        with store.snapshot(60) as snapshot:
            asked.set()
            try:
                snapshot.query(ENDLESS)
            except QueryError as error:
                ended.append(error)

    asker = threading.Thread(target=ask)
    asker.start()
    asked.wait(5)
    store.close()
    asker.join(5)
    assert len(ended) == 1
    with pytest.raises(QueryError, match="closing"), store.snapshot():
        pass


def held(store: DuckDBStore) -> int:
    """Bytes that the database has in memory."""
    return int(store._database.cursor().execute("select sum(memory_usage_bytes) from duckdb_memory()").fetchone()[0])


def limit(store: DuckDBStore) -> str:
    return str(store._database.cursor().execute("select value from duckdb_settings() where name = 'memory_limit'").fetchone()[0])


def add(store: DuckDBStore, start: int, count: int) -> None:
    """So many events, each with a text of its own."""
    more = addition(start, count)
    texts = pa.array([random.randbytes(200).hex() for random in map(Random, range(start, start + count))])
    place = more.rows.schema.get_field_index("page_title")
    store.add(msgspec.structs.replace(more, rows=more.rows.set_column(place, more.rows.schema.field(place), texts)))
    store.freeze()


def test_what_was_written_or_read_does_not_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "RESTING_BYTES", 4_000_000)
    store = DuckDBStore(tmp_path)

    def write(start: int, count: int) -> None:
        add(store, start, count)
        store.flush([], {})

    write(0, 1)
    with store.snapshot():  # whoever asks is not disturbed
        write(1, 40_000)
    assert held(store) > 8_000_000
    with store.cursor():  # nor whoever works on it
        write(40_001, 10)
    assert held(store) > 8_000_000
    write(40_011, 10)
    assert held(store) < 6_000_000
    with store.snapshot() as snapshot:
        assert snapshot.query("select count(distinct page_title) as n from events").to_pylist() == [{"n": 40_021}]
    store.close()


def test_questions_have_all_the_memory_and_writes_alone_have_little(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path)
    all_of_it = limit(store)
    add(store, 0, 10)
    store.flush([], {})
    assert limit(store) == "305.1 MiB"
    with store.snapshot():
        assert limit(store) == all_of_it
    add(store, 10, 10)
    store.flush([], {})
    assert limit(store) == "305.1 MiB"
    with store.cursor():
        assert limit(store) == all_of_it
    store.close()


def test_a_write_that_needs_more_memory_gets_it_when_it_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "RESTING_BYTES", 3_000_000)
    monkeypatch.setattr(memory, "WORKING_BYTES", 3_000_000)
    store = DuckDBStore(tmp_path)
    add(store, 0, 1)
    store.flush([], {})
    add(store, 1, 40_000)
    with pytest.raises(StoreError, match="Out of Memory"):
        store.flush([], {})
    assert store.flush([], {}) == 40_000
    with store.snapshot() as snapshot:
        assert snapshot.query("select count(*) as n from events").to_pylist() == [{"n": 40_001}]
    store.close()


def test_questions_reach_no_file_and_change_no_setting(tmp_path: Path) -> None:
    store = DuckDBStore(tmp_path)
    for sql in ("select * from read_text('/etc/hostname')", "set threads = 1", f"copy (select 1) to '{tmp_path}/x.csv'"):
        with store.snapshot() as snapshot, pytest.raises(QueryError):
            snapshot.query(sql)
    assert not (tmp_path / "x.csv").exists()
    store.close()
