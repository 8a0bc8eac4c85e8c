"""A newest file that is broken as a whole: what is whole in it is saved, the rest is a gap that is counted, and appending goes on."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
import sys
from pathlib import Path
from types import ModuleType

import pytest
from tests.process.test_engine import NOW_US, ask, drain, event, ledger, processing

from ecompulse.contract.check import check
from ecompulse.contract.columns import DeadLetter
from ecompulse.log import LogError
from ecompulse.log.sqlite import ReceivedCounts, SqliteAppender, SqliteReader, file
from ecompulse.log.sqlite import exchange as exchanging
from ecompulse.log.sqlite.repair import repair, wrong_with

EACH, ENTRIES = 300, 8


def written(folder: Path, *, settled: bool, entries: int = ENTRIES, number: int = 0, width: int = 30) -> Path:
    """A log of one file, its write-ahead log folded in or not; returns the file."""
    appender = SqliteAppender(folder / "log")
    letter = DeadLetter("is wrong", "x", None, None, "canonical", "default", None, NOW_US, b"{}" * 5_000)
    for n in range(number, number + entries):
        chance = random.Random(n)
        made = [event(EACH * n + k, coupon=chance.randbytes(width).hex()) for k in range(EACH - 1)]
        appender.append(check(made, NOW_US).batch, [letter])
    path = appender._path
    if settled:
        appender.close()
        with sqlite3.connect(path) as connection:
            connection.execute("pragma wal_checkpoint(truncate)")
        connection.close()
        return path
    copy = folder / "copy"  # as a kill leaves it: nothing was closed
    shutil.copytree(path.parent, copy)
    appender.close()
    shutil.rmtree(path.parent)
    copy.rename(path.parent)
    return path


def spoil(path: Path, start: int, length: int) -> None:
    with path.open("r+b") as damaged:
        damaged.seek(start)
        damaged.write(random.Random(start).randbytes(length))


def without_header(path: Path) -> None:
    spoil(path, 0, 100)
    wal = Path(f"{path}-wal")
    if wal.exists():  # its pages would do
        spoil(wal, 0, 32)


@pytest.mark.parametrize("settled", [True, False])
def test_a_file_without_a_header_is_saved_whole(tmp_path: Path, *, settled: bool) -> None:
    path = written(tmp_path, settled=settled, width=90)  # entries of more than a page, with overflow pages
    without_header(path)
    assert wrong_with(path) is not None
    with pytest.raises(LogError, match="doctor"):
        SqliteAppender(tmp_path / "log")
    done = repair(tmp_path / "log", 0)
    assert done is not None
    assert (done.saved, done.lost) == (ENTRIES * EACH, [])
    assert done.aside.exists()
    assert repair(tmp_path / "log", 0) is None
    assert sum(entry.count for entry in SqliteReader(tmp_path / "log").read({}, 10_000)) == ENTRIES * EACH
    assert ReceivedCounts(tmp_path / "log").upto({0: ENTRIES * EACH})[0].unknown == 0
    again = SqliteAppender(tmp_path / "log")
    assert again.append(check([event(90_000)], NOW_US).batch, []) == ENTRIES * EACH
    with processing(tmp_path) as opened:
        drain(opened)
        assert ledger(opened) == {"stored": ENTRIES * (EACH - 1) + 1, "dead_letter": ENTRIES}
        assert opened.account()["balanced"]


@pytest.mark.parametrize("seed", range(6))
def test_what_cannot_be_saved_is_counted_offset_by_offset_before_anything_is_appended(tmp_path: Path, seed: int) -> None:
    path = written(tmp_path, settled=True)
    spoil(path, 0, 4_000)
    spoil(path, random.Random(seed).randrange(path.stat().st_size // 4, path.stat().st_size), 60_000)
    done = repair(tmp_path / "log", 0)
    assert done is not None
    lost = sum(last - first + 1 for first, last in done.lost)
    assert done.saved + lost == ENTRIES * EACH
    assert 0 < lost <= ENTRIES * EACH
    with processing(tmp_path) as opened:
        drain(opened)
        told = ledger(opened)
        assert told["stored"] == done.saved // EACH * (EACH - 1)
        assert told["stored"] + told["dead_letter"] == ENTRIES * EACH
        account = opened.account()
        assert (account["received"], account["in_flight"], account["balanced"]) == (ENTRIES * EACH, 0, True)
        reasons = "".join(reason for (reason,) in ask(opened, "select reason from dead_letters where dialect = 'log'"))
        for first, last in done.lost:
            assert f"offsets {first} to {last}" in reasons


def test_a_file_of_which_nothing_is_left_costs_all_that_it_held_and_no_offset_is_given_again(tmp_path: Path) -> None:
    written(tmp_path, settled=True, entries=2)
    path = written(tmp_path, settled=True, entries=3, number=2)
    path.write_bytes(b"this is no database" * 1_000)
    with pytest.raises(LogError, match="doctor"):
        SqliteReader(tmp_path / "log").read({0: 2 * EACH}, 1)
    done = repair(tmp_path / "log", 0)
    assert done is not None
    assert (done.saved, done.lost) == (0, [(2 * EACH, 5 * EACH - 1)])
    with processing(tmp_path) as opened:
        drain(opened)
        assert ledger(opened) == {"stored": 2 * (EACH - 1), "dead_letter": 2 + 3 * EACH}
        assert opened.account()["balanced"]
    known = ReceivedCounts(tmp_path / "log").upto({0: 5 * EACH})[0]
    assert known.unknown == 3 * EACH  # what it carried from the file before is counted anew


PARTS = [(sys.modules[repair.__module__], name) for name in ("take", "salvage", "exchange", "SqliteAppender")]
PARTS += [(exchanging, name) for name in ("_written", "_set_aside", "sync", "companion")]


@pytest.mark.parametrize(("module", "point"), PARTS, ids=[name for _, name in PARTS])
@pytest.mark.parametrize("calls", [1, 2])
def test_a_repair_that_was_broken_off_is_done_by_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: ModuleType, point: str, calls: int
) -> None:
    """Broken off at a call of each of its parts: the first, the second, the third."""
    path = written(tmp_path, settled=False, entries=2)
    spoil(Path(f"{path}-wal"), 0, 32)  # without it the file looks sound, and empty
    left, real = [calls], getattr(module, point)

    class Killed(BaseException):
        pass

    def killed(*given: object, **named: object) -> object:
        left[0] -= 1
        if not left[0]:
            raise Killed
        return real(*given, **named)

    with monkeypatch.context() as patched, contextlib.suppress(Killed):
        patched.setattr(module, point, killed)
        repair(tmp_path / "log", 0)
    repair(tmp_path / "log", 0)
    assert sum(entry.count for entry in SqliteReader(tmp_path / "log").read({}, 10_000)) == 2 * EACH
    again = SqliteAppender(tmp_path / "log")
    assert again.append(check([event(90_000)], NOW_US).batch, []) == 2 * EACH


def test_a_partition_that_is_appended_to_is_left_alone(tmp_path: Path) -> None:
    appender = SqliteAppender(tmp_path / "log")
    appender.append(check([event(1)], NOW_US).batch, [])
    assert repair(tmp_path / "log", 0) is None
    spoil(appender._path, 0, 100)
    with pytest.raises(LogError, match="already"):
        repair(tmp_path / "log", 0)
    assert not (tmp_path / "log" / "damaged").exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_a_damaged_place_of_a_write_ahead_log_costs_the_entry_that_it_hit_and_not_what_stands_behind(tmp_path: Path, share: float) -> None:
    """SQLite follows a write-ahead log up to the first frame that is wrong, and deletes it after that."""
    path = written(tmp_path, settled=False)
    wal = Path(f"{path}-wal")
    frame = file.PAGE_BYTES + 24
    frames = (wal.stat().st_size - 32) // frame
    spoil(wal, 32 + int(frames * share) * frame + 24 + file.PAGE_BYTES // 2, 64)
    appender = SqliteAppender(tmp_path / "log")
    assert appender.append(check([event(90_000)], NOW_US).batch, []) == ENTRIES * EACH
    with processing(tmp_path) as opened:
        drain(opened)
        told = ledger(opened)
        assert told["stored"] >= (ENTRIES - 2) * (EACH - 1)
        assert told["stored"] + told["dead_letter"] == ENTRIES * EACH + 1
        assert opened.account()["balanced"]
