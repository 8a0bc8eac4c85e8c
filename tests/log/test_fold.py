"""A log file's write-ahead log stays small while the file grows, and nothing that was appended is lost by that."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ecompulse.contract.columns import DeadLetter
from ecompulse.log.sqlite import SqliteAppender, SqliteReader, file, fold, salvage
from ecompulse.log.sqlite.exchange import companion

FOLD_BYTES = 20 * file.PAGE_BYTES
LETTER_BYTES = 3_000
WAL_MAX = 4 * FOLD_BYTES
"""What is moved lags behind by a few appends."""


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "FOLD_BYTES", FOLD_BYTES)


def letter(number: int) -> DeadLetter:
    return DeadLetter("is required", str(number), None, None, "canonical", "default", None, 0, os.urandom(LETTER_BYTES))


def numbers(reader: SqliteReader, position: int = 0) -> list[int]:
    return [int(one.field) for entry in reader.read({0: position}, 100_000) for one in entry.rejected]


def moved() -> None:
    """Wait until what is moved beside the appends is moved."""
    for thread in threading.enumerate():
        if thread.name == "log-fold":
            thread.join()


def sizes(folder: Path) -> tuple[int, int]:
    """Bytes of the one file, and of its write-ahead log."""
    (first,) = file.firsts(folder, 0)
    path = file.path_of(folder, 0, first)
    return path.stat().st_size, companion(path, "-wal").stat().st_size


def generation(folder: Path) -> bytes:
    """The salt of the write-ahead log: another whenever it is begun anew ("WAL-mode File Format", section 2.1)."""
    return companion(file.path_of(folder, 0, 0), "-wal").read_bytes()[16:24]


def test_it_stays_small_however_much_is_appended_and_a_reader_has_every_entry_at_once(tmp_path: Path) -> None:
    appender, reader, largest = SqliteAppender(tmp_path), SqliteReader(tmp_path), 0
    for number in range(400):
        appender.append(None, [letter(number)])
        assert numbers(reader, number) == [number]
        moved()
        largest = max(largest, sizes(tmp_path)[1])
    main, _ = sizes(tmp_path)
    assert largest < WAL_MAX
    assert main > 400 * LETTER_BYTES - WAL_MAX
    assert numbers(reader) == list(range(400))


def test_what_comes_while_it_is_moved_is_moved_with_the_next_append_so_that_it_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpointed, go_on, fold_once = threading.Event(), threading.Event(), fold.Folding._fold

    def slow(folding: fold.Folding) -> None:
        fold_once(folding)
        checkpointed.set()
        go_on.wait()

    monkeypatch.setattr(fold.Folding, "_fold", slow)
    appender, number = SqliteAppender(tmp_path), 0
    while not checkpointed.wait(0.01):
        appender.append(None, [letter(number)])
        number += 1
    count = number
    for number in range(count, count + 3):
        appender.append(None, [letter(number)])
    begun = generation(tmp_path)
    go_on.set()
    moved()
    for number in range(count + 3, count + 5):  # the one moves what is left, the other begins anew
        appender.append(None, [letter(number)])
    assert generation(tmp_path) != begun
    assert numbers(SqliteReader(tmp_path)) == list(range(count + 5))


def test_what_a_kill_leaves_at_any_moment_is_whole(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log")
    for number in range(150):
        appender.append(None, [letter(number)])
        if number % 7 == 0:
            moved()
            left = tmp_path / f"left-{number}"
            shutil.copytree(tmp_path / "log", left, ignore=shutil.ignore_patterns("*-shm", "lock"))
            assert numbers(SqliteReader(left)) == list(range(number + 1))
            again = SqliteAppender(left)
            assert again.end == number + 1
            again.close()


def test_a_damaged_write_ahead_log_costs_what_was_not_moved_yet_at_most(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path)
    for number in range(200):
        appender.append(None, [letter(number)])
        moved()
    (first,) = file.firsts(tmp_path, 0)
    path = file.path_of(tmp_path, 0, first)
    (tmp_path / "empty").touch()
    found = salvage.salvage(path, tmp_path / "empty")
    assert len(found.entries) > 200 - WAL_MAX // file.PAGE_BYTES
    assert len(salvage.salvage(path, companion(path, "-wal")).entries) == 200


def test_what_a_slow_reader_still_looks_at_is_not_taken_away(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path)
    appender.append(None, [letter(0)])
    looking = file.open_existing(file.path_of(tmp_path, 0, 0))
    looking.execute("begin")
    assert looking.execute("select count(*) from entries").fetchone() == (1,)
    for number in range(1, 200):
        appender.append(None, [letter(number)])
        moved()
    assert looking.execute("select count(*) from entries").fetchone() == (1,)
    assert sizes(tmp_path)[1] > WAL_MAX, "a transaction that is open keeps it"
    looking.close()
    for number in range(200, 300):
        appender.append(None, [letter(number)])
        moved()
    assert sizes(tmp_path)[0] > 250 * LETTER_BYTES
    assert numbers(SqliteReader(tmp_path)) == list(range(300))


def test_where_it_cannot_be_moved_appends_go_on_in_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    appender = SqliteAppender(tmp_path)
    appender.append(None, [letter(0)])

    def failing(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as broken, caplog.at_level(logging.WARNING):
        broken.setattr(fold.Folding, "appended", failing)
        assert appender.append(None, [letter(1)]) == 1
    appender.append(None, [letter(2)])
    assert "disk I/O error" in caplog.text
    assert file.firsts(tmp_path, 0) == [0, 2]
    assert numbers(SqliteReader(tmp_path)) == [0, 1, 2]


def test_where_it_cannot_be_moved_beside_the_appends_that_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    appender = SqliteAppender(tmp_path)
    appender.append(None, [letter(0)])

    def failing(_: Path) -> sqlite3.Connection:
        raise sqlite3.DatabaseError("its write-ahead log is damaged")

    monkeypatch.setattr(fold.file, "open_beside", failing)
    with caplog.at_level(logging.WARNING):
        for number in range(1, 100):
            appender.append(None, [letter(number)])
            moved()
    monkeypatch.undo()
    assert caplog.text.count("its write-ahead log is damaged") == 1
    assert numbers(SqliteReader(tmp_path)) == list(range(100))


def test_a_rolled_file_is_whole_without_a_write_ahead_log(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path, file_bytes=100 * LETTER_BYTES)
    for number in range(250):
        appender.append(None, [letter(number)])
    appender.close()
    for thread in threading.enumerate():
        if thread.name == "log-roll":
            thread.join()
    until = time.monotonic() + 5
    while list(tmp_path.glob("0/*-wal")) and time.monotonic() < until:
        time.sleep(0.01)
    assert len(file.firsts(tmp_path, 0)) == 3
    assert not list(tmp_path.glob("0/*-wal"))
    assert numbers(SqliteReader(tmp_path)) == list(range(250))


def test_another_process_that_closes_the_file_does_not_take_the_write_ahead_log_for_its_own(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path)
    looks = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(c.execute('select count(*) from entries').fetchone()[0]); c.close()"
    )
    path = file.path_of(tmp_path, 0, 0)
    for number in range(100):
        appender.append(None, [letter(number)])
        moved()
        if number % 10 == 9:
            seen = subprocess.run([sys.executable, "-c", looks, str(path)], capture_output=True, text=True, check=True)
            assert int(seen.stdout) == number + 1
            assert companion(path, "-wal").exists()
    assert numbers(SqliteReader(tmp_path)) == list(range(100))
