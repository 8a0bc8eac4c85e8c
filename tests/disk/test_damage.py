"""Damage on disk is found, named and isolated: everything else goes in, and what is lost is counted."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.process.test_engine import ask, batch, drain, event, ledger, processing

from ecompulse.log import LogError
from ecompulse.log.sqlite import SqliteAppender, SqliteReader, file

ENTRIES, EACH = 8, 300
"""Entries of some 20 kB: the bytes of each lie on pages of their own."""


def written(folder: Path, file_bytes: int = 1 << 30) -> Path:
    """A settled log of one file (or more); returns the first."""
    appender = SqliteAppender(folder / "log", file_bytes=file_bytes)
    for n in range(ENTRIES):
        chance = random.Random(n)
        appender.append(batch(*(event(EACH * n + k, coupon=chance.randbytes(30).hex()) for k in range(EACH))), [])
    appender.close()
    first = file.path_of(folder / "log", 0, 0)
    with sqlite3.connect(first) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()
    return first


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as damaged:
        damaged.seek(at)
        byte = damaged.read(1)[0]
        damaged.seek(at)
        damaged.write(bytes([byte ^ 0x10]))


@pytest.mark.parametrize("seed", range(6))
def test_a_flipped_bit_anywhere_costs_what_it_hit_and_is_told(tmp_path: Path, seed: int) -> None:
    path = written(tmp_path)
    again = SqliteAppender(tmp_path / "log")  # a later file, so that where the first one ended is known
    again.append(batch(event(90_000)), [])
    flip(path, random.Random(seed).randrange(100, path.stat().st_size))
    with processing(tmp_path) as opened:
        drain(opened)
        told, rows = ledger(opened), ask(opened, "select count(*) from events")[0][0]
        assert opened.ledger()["in_flight"] == 0
        assert told["stored"] == rows
        assert told["stored"] + told.get("dead_letter", 0) == ENTRIES * EACH + 1
        assert ask(opened, "select count(*) from events where event_id = '00000000-0000-7000-8000-000000015f90'") == [(1,)]
        if told.get("dead_letter"):
            assert told["dead_letter"] % EACH == 0
            assert str(path) in ask(opened, "select reason from dead_letters")[0][0]


def test_one_flipped_bit_in_an_event_costs_one_entry(tmp_path: Path) -> None:
    path = written(tmp_path)
    flip(path, path.read_bytes().index(b"\x28\xb5\x2f\xfd", path.stat().st_size // 2) + 2_000)  # within a zstd frame
    with processing(tmp_path) as opened:
        drain(opened)
        assert ledger(opened) == {"stored": (ENTRIES - 1) * EACH, "dead_letter": EACH}


@pytest.mark.parametrize("kept", [0.5, 0.0])
def test_a_file_that_was_cut_costs_what_was_cut_off(tmp_path: Path, kept: float) -> None:
    path = written(tmp_path)
    again = SqliteAppender(tmp_path / "log")
    again.append(batch(event(90_000)), [])
    os.truncate(path, int(path.stat().st_size * kept) // file.PAGE_BYTES * file.PAGE_BYTES)
    with processing(tmp_path) as opened:
        drain(opened)
        told = ledger(opened)
        assert told["stored"] + told["dead_letter"] == ENTRIES * EACH + 1
        assert told["stored"] >= 1
        reasons = [reason for (reason,) in ask(opened, "select reason from dead_letters")]
        assert all("offsets" in reason for reason in reasons)
        assert opened.ledger()["balanced"]


def test_a_file_that_was_taken_away_is_counted_and_the_rest_goes_in(tmp_path: Path) -> None:
    written(tmp_path, file_bytes=1)
    for path in (tmp_path / "log" / "0").glob(f"{3 * EACH:020}*"):
        path.unlink()
    with processing(tmp_path) as opened:
        drain(opened)
        assert ledger(opened) == {"stored": (ENTRIES - 1) * EACH, "dead_letter": EACH}
        assert f"offsets {3 * EACH} to {4 * EACH - 1} are missing" in ask(opened, "select reason from dead_letters")[0][0]


def test_a_store_that_is_made_anew_counts_what_the_log_no_longer_holds(tmp_path: Path) -> None:
    written(tmp_path, file_bytes=1)
    for path in (tmp_path / "log" / "0").glob(f"{0:020}*"):
        path.unlink()
    with processing(tmp_path) as opened:
        drain(opened)
        assert ledger(opened) == {"stored": (ENTRIES - 1) * EACH, "dead_letter": EACH}
        assert "are gone" in ask(opened, "select reason from dead_letters")[0][0]


def test_a_lost_tail_of_the_log_never_gives_an_offset_twice(tmp_path: Path) -> None:
    """The write-ahead log of the newest file is lost after the store has had it: a lying disk, then a power cut."""
    appender = SqliteAppender(tmp_path / "log")
    for n in range(4):
        appender.append(batch(event(n)), [])
    with processing(tmp_path) as opened:
        drain(opened)
    path = file.path_of(tmp_path / "log", 0, 0)
    wal = path.with_name(path.name + "-wal")
    copies = {one: one.read_bytes() for one in (path, wal)}
    appender.close()
    for one, content in copies.items():
        one.write_bytes(content[: len(content) // 2 if one == wal else None])
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    after = SqliteAppender(tmp_path / "log")
    assert after.append(batch(event(100)), []) == 4
    with processing(tmp_path) as opened:
        drain(opened)
        assert ask(opened, "select count(*) from events") == [(5,)]
        assert opened.ledger()["in_flight"] == 0


def test_a_file_that_is_no_log_is_named_and_waited_for(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(b"this is no database at all, however long it may be" * 1_000)
    with pytest.raises(LogError, match=path.name):
        SqliteReader(tmp_path / "log").read({}, 10)
    with pytest.raises(LogError, match="cannot be opened"):
        SqliteAppender(tmp_path / "log")


def test_positions_of_a_reader_that_cannot_be_read_delete_nothing(tmp_path: Path, make_retention: Callable[[Path], int]) -> None:
    written(tmp_path, file_bytes=1)
    (tmp_path / "log" / "readers").mkdir()
    (tmp_path / "log" / "readers" / "main.json").write_bytes(b"")
    assert make_retention(tmp_path / "log") == 0


@pytest.fixture
def make_retention() -> Callable[[Path], int]:
    from ecompulse.log.sqlite import retain

    return lambda folder: len(retain(folder, age_seconds_max=0, bytes_max=0, now=4e9).deleted)
