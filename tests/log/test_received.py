"""What a log received is counted by group, durably, whatever the splits, files, restarts, retention and damage."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.contract.columns import LOGGED, DeadLetter
from ecompulse.contract.event import EVENT_TYPES
from ecompulse.log.received import FEW_MIXED_ROWS, Counts, Group, Tally, add, count, pack, subtract, total, unpack
from ecompulse.log.sqlite import ReceivedCounts, SqliteAppender, SqliteReader, file, packed, retain
from ecompulse.log.sqlite.append import _settle
from ecompulse.log.sqlite.counts import before
from ecompulse.log.sqlite.end import told_end

SECOND_US = 1_000_000
LATER = 4e9
"""A time at which every file is old."""

row = st.tuples(
    st.sampled_from(["default", "shop"]), st.sampled_from(["canonical", "segment"]), st.sampled_from([None, "web", "app"]),
    st.sampled_from(["page_view", "purchase", "search"]),
)  # fmt: skip


def batch(rows: list[tuple[str, str, str | None, str]]) -> pa.RecordBatch:
    usual = {"event_id": bytes(16), "timestamp": SECOND_US, "received_at": SECOND_US, "user_id": "u", "filled": 0}
    named = [{**usual, "site": site, "dialect": dialect, "sender_key": key, "event_type": kind} for site, dialect, key, kind in rows]
    return pa.RecordBatch.from_pylist([{**dict.fromkeys(LOGGED.names), **one} for one in named], LOGGED)


def letter(kind: str | None, key: str | None = None) -> DeadLetter:
    return DeadLetter("is wrong", "x", None, kind, "canonical", "default", key, SECOND_US, b"{}")


def views(number: int) -> pa.RecordBatch:
    return batch([("default", "canonical", None, "page_view")] * number)


VIEWS = Group("default", "canonical", "", "page_view")


@given(st.lists(row, max_size=3 * FEW_MIXED_ROWS), st.lists(st.integers(0, 3 * FEW_MIXED_ROWS), max_size=6), st.integers(1, 4))
def test_any_split_of_events_gives_the_same_sums(rows: list[tuple[str, str, str | None, str]], cuts: list[int], times: int) -> None:
    rows = rows * times
    edges = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    summed: Counts = {}
    for start, end in pairwise(edges):
        add(summed, unpack(pack(count(batch(rows[start:end]), []))))
    assert summed == count(batch(rows), [])
    wanted = Counter(Group(site, dialect, key or "", kind) for site, dialect, key, kind in rows)
    assert {group: tally.accepted for group, tally in summed.items()} == wanted
    assert total(summed) == len(rows)


def test_what_was_refused_is_counted_apart_and_unknown_types_make_no_groups() -> None:
    found = count(views(2), [letter("page_view"), letter("a" * 200), letter(None), letter("b", "web")])
    assert found == {
        VIEWS: Tally(2, 1),
        Group("default", "canonical", "", ""): Tally(0, 2),
        Group("default", "canonical", "web", ""): Tally(0, 1),
    }
    assert {kind for kind in EVENT_TYPES if count(None, [letter(kind)]).keys() != {Group("default", "canonical", "", kind)}} == set()
    assert subtract(found, {VIEWS: Tally(2, 1)}).keys() == found.keys() - {VIEWS}


def test_the_sums_at_any_position_are_those_of_the_entries_before_it_in_whatever_file(tmp_path: Path) -> None:
    appender, counts = SqliteAppender(tmp_path, file_bytes=1), ReceivedCounts(tmp_path)
    for n in range(6):
        appender.append(views(n + 1), [letter("search")])
        if n == 3:
            appender.close()
            appender = SqliteAppender(tmp_path)
    ends = [2, 5, 9, 14, 20, 27]
    for known in (counts, ReceivedCounts(tmp_path)):
        for n, end in enumerate(ends):
            found = known.upto({0: end})[0]
            assert (found.unknown, found.counts[VIEWS].accepted, total(found.counts)) == (0, end - n - 1, end)
    for position in range(28):  # within an entry, too: a store may read it in parts
        assert total(counts.upto({0: position})[0].counts) == position
        assert total(ReceivedCounts(tmp_path).upto({0: position})[0].counts) == position
        assert total(counts.within(0, position, 27)) == 27 - position
    assert counts.upto({0: 4})[0].counts == {VIEWS: Tally(3, 0), VIEWS._replace(event_type="search"): Tally(0, 1)}
    assert counts.upto({0: 5})[0].counts == {VIEWS: Tally(3, 0), VIEWS._replace(event_type="search"): Tally(0, 2)}
    assert counts.within(0, 5, 14) == {VIEWS: Tally(7, 0), VIEWS._replace(event_type="search"): Tally(0, 2)}


def test_what_retention_deletes_stays_counted_once(tmp_path: Path) -> None:
    appender, reader = SqliteAppender(tmp_path, file_bytes=1), SqliteReader(tmp_path)
    for _ in range(5):
        appender.append(views(10), [letter("search")])
    whole = ReceivedCounts(tmp_path).upto({0: 55})[0]
    for had in (11, 33, 44):
        reader.done({0: had})
        assert retain(tmp_path, age_seconds_max=0, bytes_max=0, now=LATER).deleted
        assert ReceivedCounts(tmp_path).upto({0: 55})[0] == whole
    assert file.firsts(tmp_path, 0) == [44]
    appender.append(views(1), [])
    assert ReceivedCounts(tmp_path).upto({0: 56})[0].counts[VIEWS] == Tally(51, 0)


DELETING = """
import os, sys
from pathlib import Path
from ecompulse.log.sqlite import retain
unlink = Path.unlink
def killed(path, **more):
    unlink(path, **more)
    os.kill(os.getpid(), 9)
Path.unlink = killed
retain(Path(sys.argv[1]), 0, 0, 4e9)
"""


def test_a_kill_in_the_middle_of_retention_counts_nothing_twice_and_loses_nothing(tmp_path: Path) -> None:
    appender, reader = SqliteAppender(tmp_path, file_bytes=1), SqliteReader(tmp_path)
    for _ in range(3):
        appender.append(views(10), [])
    reader.done({0: 30})
    killed = subprocess.run([sys.executable, "-c", DELETING, str(tmp_path)], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert file.firsts(tmp_path, 0) == [10, 20]
    assert ReceivedCounts(tmp_path).upto({0: 30})[0].counts == {VIEWS: Tally(30, 0)}
    appender.close()
    appender = SqliteAppender(tmp_path)
    appender.append(views(1), [])
    assert ReceivedCounts(tmp_path).upto({0: 31})[0].counts == {VIEWS: Tally(31, 0)}


def test_an_append_that_failed_is_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    appender = SqliteAppender(tmp_path)
    appender.append(views(2), [])
    connection = appender._file
    assert connection is not None

    class Failing:
        def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
            found = connection.execute(sql, *parameters)
            if sql.startswith("insert into entries"):
                raise sqlite3.OperationalError("disk I/O error")
            return found

        def close(self) -> None:
            connection.close()

    monkeypatch.setattr(appender, "_file", Failing())
    with pytest.raises(Exception, match="disk I/O error"):
        appender.append(views(3), [])
    assert told_end(tmp_path / "0") == 2
    appender.append(views(4), [])
    assert ReceivedCounts(tmp_path).upto({0: 6})[0].counts == {VIEWS: Tally(6, 0)}


FIRST_SCHEMA = """
create table formats (id integer primary key, schema blob not null unique);
create table entries (
    offset integer primary key, count integer not null, format integer, events blob, rejected blob, checksum integer not null);
"""


def of_the_first_version(path: Path, entries: list[pa.RecordBatch]) -> None:
    """A file as the first version wrote it."""
    path.parent.mkdir(parents=True)
    connection = sqlite3.connect(path)
    connection.execute("pragma journal_mode = wal")
    connection.executescript(FIRST_SCHEMA)
    offset = 0
    for events in entries:
        schema, content = packed.pack(events)
        connection.execute("insert or ignore into formats (schema) values (?)", [schema])
        connection.execute(
            "insert into entries values (?, ?, 1, ?, null, ?)",
            [offset, len(events), content, file.checksum(offset, len(events), content, None)],
        )
        offset += len(events)
    connection.commit()
    connection.close()


def test_files_of_the_first_version_are_read_and_their_groups_called_unknown(tmp_path: Path) -> None:
    of_the_first_version(file.path_of(tmp_path, 0, 0), [views(3), views(4)])
    assert [entry.count for entry in SqliteReader(tmp_path).read({}, 100)] == [3, 4]
    assert ReceivedCounts(tmp_path).upto({0: 7})[0].unknown == 7
    appender = SqliteAppender(tmp_path)
    assert appender.append(views(5), []) == 7
    assert [entry.count for entry in SqliteReader(tmp_path).read({}, 100)] == [3, 4, 5]
    found = ReceivedCounts(tmp_path).upto({0: 12})[0]
    assert (found.unknown, found.counts) == (7, {VIEWS: Tally(5, 0)})


@pytest.mark.parametrize("table", ["entries", "carried"])
def test_counts_that_are_not_what_was_written_are_not_believed(tmp_path: Path, table: str) -> None:
    appender = SqliteAppender(tmp_path, file_bytes=1)
    for _ in range(3):
        appender.append(views(10), [])
    appender.close()
    _settle([file.path_of(tmp_path, 0, 20)])
    with sqlite3.connect(file.path_of(tmp_path, 0, 20)) as connection:
        connection.execute(f"update {table} set received = replace(received, 'page_view', 'page_viev')")
    connection.close()
    found = ReceivedCounts(tmp_path).upto({0: 30})[0]
    assert found.unknown == (10 if table == "entries" else 0)  # what a file carries is summed up from the file before
    assert found.counts.keys() == {VIEWS}


def test_a_file_that_carries_nothing_is_helped_by_those_before_it(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path, file_bytes=1)
    for _ in range(3):
        appender.append(views(10), [])
    for first in (10, 20):
        with sqlite3.connect(file.path_of(tmp_path, 0, first)) as connection:
            connection.execute("delete from carried")
        connection.close()
    assert before(tmp_path, 0, [0, 10, 20]) == {VIEWS: Tally(20, 0)}


def test_a_lost_end_of_the_newest_file_is_noticed_and_its_offsets_are_not_given_again(tmp_path: Path) -> None:
    """A disk that lied about a flush, and then a power cut."""
    appender = SqliteAppender(tmp_path)
    appender.append(views(3), [])
    wal = Path(f"{file.path_of(tmp_path, 0, 0)}-wal")
    whole = wal.stat().st_size
    appender.append(views(4), [])
    copy = tmp_path / "copy" / "0"
    copy.mkdir(parents=True)
    for name in ("end", wal.name, wal.name.removesuffix("-wal")):
        (copy / name).write_bytes((tmp_path / "0" / name).read_bytes())
    os.truncate(copy / wal.name, whole)
    after = SqliteAppender(tmp_path / "copy")
    assert after.append(views(1), []) == 7
    found = ReceivedCounts(tmp_path / "copy").upto({0: 8})[0]
    assert (found.unknown, found.counts) == (4, {VIEWS: Tally(4, 0)})


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 12])
def test_a_damaged_end_mark_is_passed_over(tmp_path: Path, content: bytes) -> None:
    appender = SqliteAppender(tmp_path)
    appender.append(views(3), [])
    appender.close()
    (tmp_path / "0" / "end").write_bytes(content)
    again = SqliteAppender(tmp_path)
    assert again.append(views(1), []) == 3
    assert told_end(tmp_path / "0") == 4
