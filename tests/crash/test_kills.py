"""Nothing acknowledged is lost and nothing is doubled, wherever a process dies."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time

import pytest
from tests.conftest import RunningSystem, free_port
from tests.crash.harness import Point, each_is_there_once, kill, load, pass_points, progress, served_again

from ecompulse.run.errors import USED_WRONGLY

WRITES, SYNCS, SENDS = "pwrite64,pwritev", "fsync,fdatasync", "write,writev,sendto,sendmsg"
WAL, POSITION = "stores/main/events.duckdb.wal", "log/readers/main.new"
POINTS = (
    Point("before a write of the log", "collect", WRITES, 1),
    Point("between two writes of the log", "collect", WRITES, 2),
    Point("after many writes of the log", "collect", WRITES, 57),
    Point("before the fsync of the log", "collect", SYNCS, 1),
    Point("before a later fsync of the log", "collect", SYNCS, 23),
    Point("after the commit, before its acknowledgement", "collect", SENDS, 1),
    Point("between acknowledgements", "collect", SENDS, 40),
    Point("before the ids are written", "process", "fallocate", 1),
    Point("before the ids are synced", "process", "fsync", 1),
    Point("before their folder is synced", "process", "fsync", 2),
    Point("before the store's first write", "process", "write", 1, WAL),
    Point("while the store writes", "process", "write", 4, WAL),
    Point("late in the store's write", "process", "write", 7, WAL),
    Point("before the store's commit is synced", "process", "fdatasync", 1, WAL),
    Point("before a later commit is synced", "process", "fdatasync", 3, WAL),
    Point("before replaced ids are deleted", "process", "unlink", 1),
    Point("after the commit, before the log is told", "process", "write", 1, POSITION),
    Point("while the log is told", "process", "rename", 1),
)


ROLES = ("collect", "process")


@pytest.mark.parametrize("role", ROLES)
def test_a_kill_at_each_named_point_loses_and_doubles_nothing(system: RunningSystem, role: str) -> None:
    points = [point for point in POINTS if point.role == role]
    with load(system, seed=1 + ROLES.index(role)) as account:
        met = pass_points(system, account, points)
    each_is_there_once(system, account)
    assert met == [point.name for point in points]


def test_thirty_random_kills_lose_and_double_nothing(system: RunningSystem) -> None:
    """Of either role, or of everything at once, of which the supervisor is one."""
    chance = random.Random(20261121)
    with load(system, seed=3) as account:
        for number in range(30):
            threading.Event().wait(chance.uniform(0.02, 0.4))
            kill(system, "run" if number % 5 == 4 else chance.choice(ROLES))
            progress(account, events=40)
    each_is_there_once(system, account)


def test_a_kill_while_it_shuts_down_loses_nothing(system: RunningSystem) -> None:
    with load(system, seed=4) as account:
        for seconds in (0.05, 0.2):
            progress(account, events=500)
            assert system.process is not None
            system.process.send_signal(signal.SIGTERM)
            threading.Event().wait(seconds)
            kill(system, "run")
        progress(account)
    each_is_there_once(system, account)


def test_a_second_run_on_the_folder_ends_at_once_and_names_the_first_which_goes_on(system: RunningSystem) -> None:
    ports = {"ECOMPULSE_COLLECT": f"127.0.0.1:{free_port()}", "ECOMPULSE_SERVE": f"127.0.0.1:{free_port()}"}
    with load(system, seed=6) as account:
        progress(account)
        for settings in ({}, ports):  # the folder is what is refused, not its ports
            roles, began = system.roles(), time.monotonic()
            second = system.command("run", seconds=20, **settings)
            assert time.monotonic() - began < 10
            assert second.returncode == USED_WRONGLY
            assert f"already works on {system.data} (process {system.pid})" in second.stderr
            assert "Traceback" not in second.stderr
            assert system.roles() == roles
            progress(account)
    each_is_there_once(system, account)


def test_it_serves_again_within_two_seconds_of_a_kill(system: RunningSystem) -> None:
    """The promise is 2 s alone on a machine, which `bench/` measures; a busy one is given as much more as it loads modules slowly."""
    kill(system, "run")  # the supervisor waits before it starts what died again and again
    with load(system, seed=5) as account:
        for role, modules in (("collect", "ecompulse.collect.service"), ("process", "ecompulse.run.processing")):
            progress(account, events=1_000)
            began = time.monotonic()
            subprocess.run([sys.executable, "-c", f"import {modules}"], check=True, timeout=60)
            allowed = max(2.0, 3 * (time.monotonic() - began))
            began = time.monotonic()
            kill(system, role)
            assert served_again(system, role, began) < allowed
            progress(account, events=40)
    each_is_there_once(system, account)
