"""How soon it serves again after kill -9 with a long log behind it, and has caught up. EVENTS=1000000 sets the length of the log."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.figures import Figure, Limit
from bench.run_of import Setting
from bench.system import System, Trouble, ask, free_port, wait_for
from ecompulse.guard.privacy import scrub
from ecompulse.log.sqlite import SqliteAppender
from ecompulse.simulate.arrow import record_batches
from ecompulse.simulate.options import Options, plan

EVENTS: Final = 10_000_000
ENTRY: Final = 4_096
"""Events an entry: what a busy collector puts together in a group."""
PROBE: Final = {"event_type": "custom", "user_id": "probe", "properties": {"name": "recovery"}}
TURNS: Final = 3
RATE_SECONDS: Final = 5.0
"""The shortest time over which the capacity is taken, before the kill."""
SERVED_SECONDS: Final = 60.0
CATCH_UP_SECONDS: Final = 1_800.0


def recovery(setting: Setting) -> list[Figure]:
    """Kill processing in the middle of a backlog, and see it catch up; then kill each role, and all, with everything processed."""
    events = int(os.environ.get("EVENTS", str(EVENTS)))
    folder = setting.folder / "run"
    appended = _fill(folder / "data" / "log", events)
    run = _Run(folder)
    try:
        caught_up = run.killed_in_a_backlog(events)
        turns = [(run.everything(), run.role("collect", run.door), run.role("process", run.store)) for _ in range(TURNS)]
        wait_for(lambda: run.rows() >= events, CATCH_UP_SECONDS, "everything being processed again", 0.05)
    finally:
        run.system.stop()
    about = {"events": events, "log_appended_per_second": round(events / appended)}
    return [
        caught_up,
        _figure("recovery-door", "kill -9 of the collector to its next acknowledged event", [door for _, door, _ in turns], about),
        _figure("recovery-store", "kill -9 of processing to its next answered query", [store for _, _, store in turns], about),
        _figure("recovery-all", "kill -9 of everything, and `run` again, to both", [both for both, _, _ in turns], about),
    ]


def _figure(name: str, title: str, seconds: list[float], about: dict[str, int]) -> Figure:
    detail = {**about, "seconds": [round(one, 2) for one in seconds]}
    return Figure(name, f"{title}, median of {TURNS}", statistics.median(seconds), "s", None, detail)


def _fill(folder: Path, events: int) -> float:
    """Append so many events to a log, as collectors would; returns the seconds that it took."""
    appender, left, began = SqliteAppender(folder, 0), events, time.perf_counter()
    for batch in record_batches(plan(Options(seed=11, events=events, rate="max"))):
        clean = scrub(batch.slice(0, left), "truncated")
        for start in range(0, len(clean), ENTRY):
            appender.append(clean.slice(start, ENTRY), [])
        left -= len(clean)
        if left <= 0:
            break
    appender.close()
    return time.perf_counter() - began


class _Run:
    """`ecompulse run` in a folder, started again after each kill of everything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.system = self._start()

    def _start(self) -> System:
        return System([sys.executable, "-m", "ecompulse", "run"], self.folder, free_port(), free_port())

    def door(self) -> bool:
        """Whether an event is acknowledged."""
        with contextlib.suppress(OSError, http.client.HTTPException, Trouble):
            return bool(ask(self.system.collect, "POST", "/v1/events", PROBE)["accepted"] == 1)
        return False

    def store(self) -> bool:
        """Whether a query is answered."""
        with contextlib.suppress(OSError, http.client.HTTPException, Trouble):
            return self.rows() > 0
        return False

    def rows(self) -> int:
        """Events that the store has."""
        return int(self.system.query("select count(*) from events")[0][0])

    def killed_in_a_backlog(self, events: int) -> Figure:
        """Kill processing when half of the log is processed; the limit is the rest at the pace of before."""
        wait_for(self.store, SERVED_SECONDS, "a first row")
        began, had = time.perf_counter(), self.rows()
        wait_for(lambda: self.rows() >= events / 2, CATCH_UP_SECONDS, "half of the log being processed", 0.1)
        if time.perf_counter() - began < RATE_SECONDS:
            print("recovery: the log is too short for a steady pace; EVENTS=10000000 is the usual length", file=sys.stderr)
        pace = (self.rows() - had) / (time.perf_counter() - began)
        left = events - self.rows()
        again = self.role("process", self.store)
        behind = events - self.rows()
        killed = time.perf_counter() - again
        wait_for(lambda: self.rows() >= events, CATCH_UP_SECONDS, "everything being processed", 0.05)
        detail = {
            "events": events, "left_at_the_kill": left, "left_when_it_served_again": behind, "events_per_second_before": round(pace),
            "seconds_to_serve_again": round(again, 2),
        }  # fmt: skip
        limit = Limit("what was left at the kill, at the pace of before", left / pace)
        return Figure(
            "recovery-caught-up", "kill -9 of processing amid a backlog, to none", time.perf_counter() - killed, "s", limit, detail
        )

    def role(self, name: str, served: Callable[[], bool]) -> float:
        """Kill a role that has not died before; returns the seconds until it serves again."""
        pid = next(pid for role, pid in self.system.processes().items() if role.split()[0] == name)  # a collector's name has its partition
        began = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not _alive(pid), SERVED_SECONDS, f"the death of {name}", 0.001)
        wait_for(served, SERVED_SECONDS, f"{name} serving again", 0.005)
        return time.perf_counter() - began

    def everything(self) -> float:
        """Kill all, start again; returns the seconds from the kill until both ports serve."""
        began = time.perf_counter()
        os.killpg(self.system.process.pid, signal.SIGKILL)
        self.system.process.wait()
        self.system = self._start()
        for served in (self.door, self.store):
            wait_for(served, SERVED_SECONDS, "serving again", 0.005)
        return time.perf_counter() - began


def _alive(pid: int) -> bool:
    """Whether a process runs and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
