"""Kills at a named point, and the question afterwards: is each acknowledged event there once?"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from tests.conftest import RunningSystem, call, wait_until
from tests.crash.account import Account, load, progress

__all__ = ["Account", "Point", "differences", "each_is_there_once", "kill", "kill_at", "load", "pass_points", "progress", "served_again"]

PASSED_SECONDS = 60.0
"""A point of a checkpoint is passed once in 64 MB of events: some seconds alone on a machine."""
RESTARTS = 3
"""Deaths of one role after which the supervisor waits longer and longer; then everything is killed and started, which begins anew."""


@dataclass(frozen=True)
class Point:
    """A place in the way of an event: the role, the system calls that stand there (of files of the data folder), and which of them."""

    name: str
    role: str
    calls: str
    when: int
    path: str | Sequence[str] = ()
    starting: bool = False
    """Whether the point is passed by a role that starts: it is killed first, and met again as it comes up."""

    @property
    def paths(self) -> Sequence[str]:
        """The files, of which any will do; none are all."""
        return (self.path,) if isinstance(self.path, str) else self.path


@dataclass(frozen=True)
class Differences:
    """What the store has other than an account says; all empty when it is right."""

    acknowledged: int
    lost: list[str]
    doubled: list[str]
    strangers: list[str]
    """Rows of events that were never sent."""
    refused: list[str]
    """What the door said of valid events that it did not take."""
    verify: str
    """What `ecompulse verify` found wrong: the ledger, and every sum against the rows."""

    def must_be_none(self) -> None:
        """Raises AssertionError, which says what is wrong."""
        assert not self.lost, f"{len(self.lost)} of {self.acknowledged} acknowledged events are lost, such as {self.lost[:3]}"
        assert not self.doubled, f"{len(self.doubled)} events are there twice, such as {self.doubled[:3]}"
        assert not self.strangers, f"{len(self.strangers)} rows were never sent, such as {self.strangers[:3]}"
        assert not self.refused, f"{len(self.refused)} times a valid event was refused, such as: {self.refused[0]}"
        assert not self.verify, self.verify


def in_flight(system: RunningSystem) -> int:
    """Events received that no store has yet."""
    answer = call("GET", f"{system.api}/api/ledger")
    assert answer.status == 200, answer
    return int(answer.json()["in_flight"])


def differences(system: RunningSystem, account: Account) -> Differences:
    """Ask for every event of an account by its name, when all that came is processed."""
    wait_until(system.ready, 30, "ready")
    wait_until(lambda: in_flight(system) == 0, 90, "nothing in flight")
    found: dict[str, int] = {}
    after, before = account.bounds
    comparison = ">="
    while True:
        page = f"from events where event_id {comparison} '{after}'::uuid and event_id < '{before}'::uuid"
        rows = system.sql(f"select event_id::varchar, count(*) {page} group by event_id order by event_id limit 50000")
        if not rows:
            break
        found.update((str(name), int(count)) for name, count in rows)
        after, comparison = str(rows[-1][0]), ">"
    seen = system.command("verify", seconds=300)
    return Differences(
        acknowledged=len(account.acknowledged),
        lost=sorted(account.acknowledged - found.keys()),
        doubled=[name for name, count in found.items() if count > 1],
        strangers=sorted(found.keys() - account.acknowledged - account.unanswered),
        refused=account.refused,
        verify="" if seen.returncode == 0 else seen.stdout + seen.stderr,
    )


def each_is_there_once(system: RunningSystem, account: Account) -> None:
    """Every acknowledged event is one row; nothing is there that was never sent; the ledger closes and every sum agrees."""
    differences(system, account).must_be_none()


def kill(system: RunningSystem, role: str) -> None:
    """kill -9 of one role; of the supervisor (`run`) all processes die with it, and it is started again."""
    if role == "run":
        system.kill()
        system.start()
    else:
        pid = system.role(role)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not _alive(pid), 5, f"the death of {role}")


def served_again(system: RunningSystem, role: str, since: float, seconds: float = 30.0) -> float:
    """Wait until what a role serves is served again; returns the seconds since then (monotonic)."""
    if role == "collect":
        wait_until(lambda: _answers(f"{system.door}/readyz"), seconds, "the door being ready again")
    else:
        wait_until(lambda: _answers(f"{system.api}/readyz"), seconds, "the API being ready again")
        wait_until(lambda: system.sql("select 1") == [[1]], seconds, "an answer")
    return time.monotonic() - since


def _answers(url: str) -> bool:
    try:
        return call("GET", url, timeout=2.0).status == 200
    except OSError:
        return False


def kill_at(
    system: RunningSystem,
    role: str,
    calls: str,
    *,
    when: int,
    path: str | Sequence[str] = (),
    seconds: float = 20.0,
    starting: bool = False,
) -> bool:
    """Kill a role as it enters the `when`-th of some system calls, before the kernel does anything of it; false when it never came.

    With `starting`, the role is killed at once, and the calls are counted in the process that takes its place.
    """
    if starting:
        before = system.role(role)
        os.kill(before, signal.SIGKILL)
        pid = wait_until(lambda: next((p for p, name in system.roles().items() if name == role and p != before), 0), what=f"a new {role}")
    else:
        wait_until(system.ready, 30, "ready")  # a role that is only starting passes none of its points
        pid = system.role(role)
    return kill_process_at(
        pid, calls, when=when, paths=[system.data / one for one in ((path,) if isinstance(path, str) else path)], seconds=seconds
    )


def kill_process_at(pid: int, calls: str, *, when: int, paths: Sequence[os.PathLike[str]] = (), seconds: float = 20.0) -> bool:
    """Kill a process as it enters the `when`-th of some system calls of these files (of any, without); false when it never came."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.fail("these tests need strace: apt-get install strace")
    tracer = subprocess.Popen(
        [strace, "-f", "-qq", "-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={when}", "-o", os.devnull, "-p", str(pid)]
        + [word for path in paths for word in ("-P", os.fspath(path))],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    give_up_at = time.monotonic() + seconds
    try:
        while time.monotonic() < give_up_at:
            if not _alive(pid):
                return True
            threading.Event().wait(0.02)
        return False
    finally:
        tracer.kill()  # with a tracee that was killed at an injection, it does not end by itself
        tracer.wait(10)


def _alive(pid: int) -> bool:
    """Whether a process runs: one that has died may be a zombie until its parent has looked."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:  # noqa: PTH123 — read often
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def pass_points(system: RunningSystem, account: Account, points: Sequence[Point], events: int = 100) -> list[str]:
    """Kill at each point, under load; returns the names of those that were met. Everything is killed and started after a few."""
    met = []
    for number, point in enumerate(points, 1):
        progress(account, events)
        if kill_at(system, point.role, point.calls, when=point.when, path=point.paths, starting=point.starting, seconds=PASSED_SECONDS):
            met.append(point.name)
        if number % RESTARTS == 0:
            kill(system, "run")
    progress(account, events)
    return met
