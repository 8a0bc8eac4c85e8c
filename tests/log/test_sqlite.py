"""The embedded log: what an appender and a reader may rely on."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pyarrow as pa
import pytest

from ecompulse.contract.check import check
from ecompulse.contract.columns import DeadLetter, widened
from ecompulse.contract.event import Event, Properties
from ecompulse.log import DamagedEntry, LogError
from ecompulse.log.sqlite import SqliteAppender, SqliteReader, file, retain
from ecompulse.log.sqlite import append as sqlite_append
from ecompulse.log.sqlite.retain import JUMP_SECONDS, TRUST_SECONDS, AgeClock

NOW_US = 1_790_000_000_000_000
DAY = 86_400.0


def events(count: int, user: str = "u") -> pa.RecordBatch:
    return check([Event("search", user_id=f"{user}-{n}", properties=Properties(query="mug")) for n in range(count)], NOW_US).batch


def letter(body: bytes = b"{}") -> DeadLetter:
    return DeadLetter("is required", "event_type", None, None, "canonical", "default", None, NOW_US, body)


def users(entries: list) -> list[str]:
    return [user for entry in entries if entry.events is not None for user in entry.events.column("user_id").to_pylist()]


def test_what_was_appended_is_read_in_order_with_its_offsets(tmp_path: Path) -> None:
    appender, reader = SqliteAppender(tmp_path), SqliteReader(tmp_path)
    assert appender.append(events(3, "a"), [letter(b"\xff")]) == 0
    assert appender.append(events(2, "b"), []) == 4
    entries = reader.read({}, 1_000)
    assert [(entry.offset, entry.count) for entry in entries] == [(0, 4), (4, 2)]
    assert users(entries) == ["a-0", "a-1", "a-2", "b-0", "b-1"]
    assert entries[0].rejected == [letter(b"\xff")]
    found = widened(entries[0].events)
    assert found.equals(events(3, "a").set_column(0, "event_id", found.column("event_id")).cast(found.schema))
    assert reader.end() == {0: 6}


def test_a_position_goes_on_where_it_was_across_files(tmp_path: Path) -> None:
    appender, reader = SqliteAppender(tmp_path, file_bytes=1), SqliteReader(tmp_path)
    for n in range(5):
        appender.append(events(2, str(n)), [])
    assert len(file.firsts(tmp_path, 0)) == 5
    assert users(reader.read({0: 4}, 1_000)) == ["2-0", "2-1", "3-0", "3-1", "4-0", "4-1"]
    assert users(reader.read({0: 4}, 2)) == ["2-0", "2-1"]


def test_a_position_may_lie_within_an_entry_and_no_more_is_read_than_asked_for(tmp_path: Path) -> None:
    appender, reader = SqliteAppender(tmp_path), SqliteReader(tmp_path)
    letters = [letter(b"x"), letter(b"y")]
    appender.append(events(3, "a"), letters)
    appender.append(events(2, "b"), [])
    for position in range(7):
        for wanted in range(1, 8):
            entries = reader.read({0: position}, wanted)
            assert sum(entry.count for entry in entries) == min(wanted, 7 - position)
            assert entries[0].offset == position
            received = [*users(entries[:1]), *(one.body for one in entries[0].rejected), *users(entries[1:])]
            assert received == ["a-0", "a-1", "a-2", b"x", b"y", "b-0", "b-1"][position : position + wanted] or position > 4
    assert users(reader.read({0: 6}, 9)) == ["b-1"]


def test_all_that_is_asked_for_is_read_at_once_however_many_entries_hold_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecompulse.log.sqlite.read.ENTRIES_MAX", 4)
    appender, reader = SqliteAppender(tmp_path), SqliteReader(tmp_path)
    for n in range(13):
        appender.append(events(2, str(n)), [])
    for position in range(27):
        assert sum(entry.count for entry in reader.read({0: position}, 1_000)) == 26 - position


def test_several_partitions_share_what_is_asked_for(tmp_path: Path) -> None:
    reader = SqliteReader(tmp_path)
    for partition, count in ((0, 10), (1, 2), (2, 10)):
        SqliteAppender(tmp_path, partition).append(events(count, str(partition)), [])
    assert [(entry.partition, entry.count) for entry in reader.read({}, 12)] == [(0, 4), (1, 2), (2, 6)]
    assert [(entry.partition, entry.count) for entry in reader.read({}, 1)] == [(0, 1)]


def test_of_a_damaged_entry_only_what_was_not_read_yet_is_lost(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path)
    appender.append(events(5, "a"), [])
    appender.close()
    with sqlite3.connect(file.path_of(tmp_path, 0, 0)) as damaged:
        damaged.execute("update entries set checksum = checksum + 1")
    with pytest.raises(DamagedEntry) as told:
        SqliteReader(tmp_path).read({0: 2}, 10)
    assert (told.value.offset, told.value.count) == (2, 3)


def test_a_restarted_appender_begins_a_new_file_at_the_end(tmp_path: Path) -> None:
    for n in range(3):
        appender = SqliteAppender(tmp_path)
        assert appender.append(events(2, str(n)), []) == 2 * n
        appender.close()
    assert file.firsts(tmp_path, 0) == [0, 2, 4]
    assert len(users(SqliteReader(tmp_path).read({}, 100))) == 6


def test_a_partition_has_one_appender_and_others_take_the_next(tmp_path: Path) -> None:
    first = SqliteAppender(tmp_path)
    with pytest.raises(LogError, match="already"):
        SqliteAppender(tmp_path, partition=0)
    second = SqliteAppender(tmp_path)
    assert (first.partition, second.partition) == (0, 1)
    first.append(events(1, "a"), [])
    second.append(events(1, "b"), [])
    assert sorted(users(SqliteReader(tmp_path).read({}, 100))) == ["a-0", "b-0"]


def test_a_flipped_bit_is_found_and_named(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path)
    appender.append(events(2), [])
    appender.append(events(2), [])
    appender.close()
    with sqlite3.connect(file.path_of(tmp_path, 0, 0)) as connection:
        body = bytearray(connection.execute("select events from entries where offset = 2").fetchone()[0])
        body[len(body) // 2] ^= 1
        connection.execute("update entries set events = ? where offset = 2", [bytes(body)])
    reader = SqliteReader(tmp_path)
    with pytest.raises(DamagedEntry, match="offsets 2 to 3") as found:
        reader.read({0: 2}, 100)
    assert (found.value.partition, found.value.offset, found.value.count) == (0, 2, 2)


def test_a_failed_append_is_never_read_and_the_next_goes_to_a_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    appender, reader = SqliteAppender(tmp_path), SqliteReader(tmp_path)
    appender.append(events(2, "kept"), [])
    connection = appender._file
    assert connection is not None

    class Failing:
        def execute(self, sql: str, *parameters: object) -> sqlite3.Cursor:
            done = connection.execute(sql, *parameters)
            if sql.startswith("insert into entries"):  # it reached the file, but the sync said no: nobody knows
                raise sqlite3.OperationalError("disk I/O error")
            return done

        def close(self) -> None:
            connection.close()

    monkeypatch.setattr(appender, "_file", Failing())
    with pytest.raises(LogError, match="disk I/O error"):
        appender.append(events(3, "lost"), [])
    assert appender.append(events(1, "after"), []) == 2
    assert users(reader.read({}, 100)) == ["kept-0", "kept-1", "after-0"]
    assert file.firsts(tmp_path, 0) == [0, 2]


def fill(appender: SqliteAppender) -> None:
    for _ in range(1_000):
        appender.append(events(10), [])


def test_a_full_log_refuses_and_takes_again_after_retention(tmp_path: Path) -> None:
    appender, reader = SqliteAppender(tmp_path, file_bytes=1, bytes_max=1_000_000), SqliteReader(tmp_path)
    with pytest.raises(LogError, match="limit"):
        fill(appender)
    reader.done(reader.end())
    assert retain(tmp_path, age_seconds_max=0, bytes_max=0).deleted
    appender.append(events(1), [])


def test_retention_never_deletes_what_a_store_has_not_read_and_says_so(tmp_path: Path) -> None:
    appender, reader = SqliteAppender(tmp_path, file_bytes=1), SqliteReader(tmp_path)
    for _ in range(4):
        appender.append(events(2), [])
    reader.done({0: 4})
    kept = retain(tmp_path, age_seconds_max=0, bytes_max=0, now=time.time() + 10)
    assert file.firsts(tmp_path, 0) == [4, 6]
    assert len(kept.deleted) == 2
    assert "offset 4" in kept.warnings[0]
    assert len(users(reader.read({0: 4}, 100))) == 4


def test_a_reader_whose_position_was_deleted_is_told_which_offsets_are_gone(tmp_path: Path) -> None:
    appender, reader = SqliteAppender(tmp_path, file_bytes=1), SqliteReader(tmp_path)
    for _ in range(3):
        appender.append(events(2), [])
    reader.done({0: 6})
    retain(tmp_path, age_seconds_max=0, bytes_max=0, now=time.time() + 10)
    with pytest.raises(LogError, match="offsets 0 to 3 are gone"):
        reader.read({}, 100)


def test_waiting_ends_at_an_append(tmp_path: Path) -> None:
    appender, reader = SqliteAppender(tmp_path), SqliteReader(tmp_path)
    reader.wait(0)
    assert not reader.wait(0.01)
    appender.append(events(1), [])
    began = time.monotonic()
    assert reader.wait(5)
    assert time.monotonic() - began < 1


class Clock:
    """A machine's two clocks, of which the wall's can be set."""

    def __init__(self) -> None:
        self.steady, self.set_by = 100.0, 1_800_000_000.0

    def wall(self) -> float:
        return self.steady + self.set_by


def test_a_clock_set_a_day_ahead_makes_no_file_old_until_it_has_stayed_so() -> None:
    clock = Clock()
    ages = AgeClock(clock.wall, lambda: clock.steady)
    true = clock.set_by
    clock.set_by += DAY
    for _ in range(10):
        clock.steady += 300
        assert ages.now() == clock.steady + true
    clock.steady += TRUST_SECONDS
    assert ages.now() == clock.wall()
    clock.set_by = true
    assert ages.now() == clock.wall()
    clock.set_by += JUMP_SECONDS / 2  # drift, as a time server corrects it
    assert ages.now() == clock.wall()


def test_a_jump_that_was_taken_back_counts_from_anew() -> None:
    clock = Clock()
    ages = AgeClock(clock.wall, lambda: clock.steady)
    for _ in range(3):
        clock.set_by += DAY
        clock.steady += TRUST_SECONDS * 0.6
        assert ages.now() == clock.wall() - DAY
        clock.set_by -= DAY
        clock.steady += 1
        assert ages.now() == clock.wall()


def test_what_a_kill_in_the_middle_of_a_deletion_left_is_deleted_later(tmp_path: Path) -> None:
    appender, reader = SqliteAppender(tmp_path, file_bytes=1), SqliteReader(tmp_path)
    for _ in range(4):
        appender.append(events(2), [])
    reader.done({0: 4})
    left = [tmp_path / "0" / f"{0:020}.sqlite{suffix}" for suffix in ("", "-wal", "-shm")]
    for path in left:
        path.touch()
    left[0].unlink()
    retain(tmp_path, age_seconds_max=3_600, bytes_max=10**9)
    assert not any(path.exists() for path in left)
    assert len(users(reader.read({0: 2}, 100))) == 6


def test_a_file_that_is_made_anew_is_read_by_those_who_had_the_old_one_open(tmp_path: Path) -> None:
    appender, reader, looker = SqliteAppender(tmp_path, file_bytes=1), SqliteReader(tmp_path), SqliteReader(tmp_path)
    appender.append(events(2), [])
    appender._make(file.path_of(tmp_path, 0, 2))  # as a collector leaves it that is killed before its first append to it
    appender.close()
    assert reader.read({0: 2}, 100) == []
    assert looker.read({0: 2}, 100) == []
    again = SqliteAppender(tmp_path)
    again.append(events(3, "later"), [])
    assert reader.end() == {0: 5}
    assert users(reader.read({0: 2}, 100)) == ["later-0", "later-1", "later-2"]
    assert users(looker.read({0: 2}, 100)) == ["later-0", "later-1", "later-2"]


def test_a_new_file_has_its_name_only_when_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers look for it all the time, and one that opened a file in the making would stand in its maker's way."""
    appender = SqliteAppender(tmp_path)
    seen = []

    def look(*_: object) -> None:
        seen.append((tmp_path / "0").exists() and file.firsts(tmp_path, 0))

    real = file.open_file
    monkeypatch.setattr(file, "open_file", lambda path: (look(), real(path))[1])
    monkeypatch.setattr(sqlite_append, "sync", look)
    appender.append(events(1), [])
    assert seen == [[], [0]]
    with sqlite3.connect(file.path_of(tmp_path, 0, 0)) as made:
        assert made.execute("pragma journal_mode").fetchone() == ("wal",)
