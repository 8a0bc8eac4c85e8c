"""Nothing is lost where files come and go: while the log's are rolled and deleted, and while the store folds its write-ahead log in."""

from __future__ import annotations

import os
from pathlib import Path

from tests.conftest import RunningSystem, wait_until
from tests.crash.account import Sending, load, progress
from tests.crash.harness import Point, each_is_there_once, kill, kill_at, pass_points

LOG, STORE = "log/0", "stores/main/events.duckdb"
WEEKS_SECONDS = 30 * 86_400

ROLLING = (
    Point("before a new file of the log is there", "collect", "openat", 1),
    Point("before its write-ahead log is there", "collect", "openat", 3),
    Point("before its folder is synced", "collect", "fsync", 1, LOG),
    Point("before its shared memory is cleared", "collect", "ftruncate", 1),
    Point("while a full file is folded", "collect", "ftruncate", 2),
    Point("while it is told that a full file is folded", "collect", "ftruncate", 3),
)

FOLDING = (
    Point("before the store's checkpoint", "process", "pwrite64", 1, STORE),
    Point("between two writes of a checkpoint", "process", "pwrite64", 9, STORE),
    Point("before a checkpoint is synced", "process", "fdatasync", 1, STORE),
    Point("before its header is synced", "process", "fdatasync", 2, STORE),
    Point("after a checkpoint, before the write-ahead log goes", "process", "unlink", 1, f"{STORE}.wal"),
)
BALLAST = Sending(ballast_bytes=20_000)
"""With so much in each event, the write-ahead log of the store is at its limit of 64 MB after some seconds."""


def test_a_kill_while_a_file_of_the_log_is_rolled_loses_nothing(system: RunningSystem) -> None:
    with load(system, seed=1) as account:
        met = pass_points(system, account, ROLLING)
    each_is_there_once(system, account)
    assert met == [point.name for point in ROLLING]


def files(system: RunningSystem) -> list[Path]:
    """The files of the log, oldest first."""
    return sorted((system.data / LOG).glob("*.sqlite"))


def companions(system: RunningSystem) -> set[str]:
    """Names of files that lie beside a file of the log that is not there."""
    left = {path.name.partition("-")[0] for path in (system.data / LOG).glob("*.sqlite-*")}
    return left - {path.name for path in files(system)}


def test_a_kill_while_files_of_the_log_are_deleted_loses_nothing_and_leaves_nothing(system: RunningSystem) -> None:
    """Before an old file goes, between it and what stands beside it, and between two files; with all of them so old that they may go."""
    with load(system, seed=2) as account:
        for when in (1, 2, 4):
            wait_until(lambda: len(files(system)) > 4, 30, "some files of the log")
            old = files(system)[:-1]
            for path in old:
                os.utime(path, (path.stat().st_atime, path.stat().st_mtime - WEEKS_SECONDS))
            for path in old[:2]:  # a file whose folding was missed has them still
                for suffix in ("-wal", "-shm"):
                    path.with_name(path.name + suffix).touch()
            names = [f"{LOG}/{path.name}{suffix}" for path in old[:2] for suffix in ("", "-wal", "-shm")]
            assert kill_at(system, "process", "unlink", when=when, path=names), f"no old file was deleted up to its {when}. name"
            progress(account)
        wait_until(lambda: not old[0].exists() and not old[1].exists(), 30, "the deletion going on")
        wait_until(lambda: not companions(system), 30, "nothing being left of deleted files")
    each_is_there_once(system, account)


def test_a_kill_while_the_store_folds_its_log_in_loses_nothing(system: RunningSystem) -> None:
    kill(system, "run")
    with load(system, seed=3, sending=BALLAST) as account:
        met = pass_points(system, account, FOLDING)
    each_is_there_once(system, account)
    assert met == [point.name for point in FOLDING]
