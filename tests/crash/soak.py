"""`make soak`: a thousand kills and more of real processes under load, and the question after each stretch: is each event there once?

KILLS=1000 (or as many as MINUTES=60 allow) · SEED=7 repeats a run's choices · STILL=60 seconds of a standstill · FOLDER=… keeps the data.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from _pytest.outcomes import OutcomeException
from tests.conftest import RunningSystem
from tests.crash.account import Sending, load, progress
from tests.crash.clock import BACK_SECONDS, DAY_SECONDS, WallClock
from tests.crash.conftest import SETTINGS
from tests.crash.harness import Point, differences, kill, kill_at, served_again
from tests.crash.test_files import BALLAST, FOLDING, ROLLING
from tests.crash.test_kills import POINTS

KILLS = 1_000
STRETCH_KILLS = 50
"""Kills after which the load rests and every event of the stretch is asked for."""
STANDSTILL_EVERY = 50
"""Kills for one standstill: it takes a minute, a kill some seconds."""
JUMP_EVERY = 10
KINDS = {"random": 6, "named": 3, "everything": 1}
"""How often which kind of kill is chosen. Where everything is killed, the supervisor begins to count anew how often a role has died."""


@dataclass
class Seen:
    """What a soak has seen so far."""

    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    standstills: int = 0
    jumps: int = 0
    unmet: int = 0
    """Named points that were not passed in time; the role was killed there anyhow."""
    recoveries: list[float] = field(default_factory=list)

    def line(self, seconds: float) -> str:
        """The closing summary."""
        times = sorted(self.recoveries) or [0.0]
        at = {name: times[min(len(times) - 1, int(len(times) * share))] for name, share in (("p50", 0.5), ("p99", 0.99))}
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kills.items()))
        return (
            f"soak: {self.kills.total()} kills ({kinds}; {self.unmet} points not met), {self.standstills} standstills, "
            f"{self.jumps} clock jumps, {self.acknowledged:,} events acknowledged, {self.lost} lost, {self.doubled} doubled; "
            f"serving again after p50 {at['p50']:.2f} s, p99 {at['p99']:.2f} s, max {times[-1]:.2f} s; {seconds / 60:.1f} minutes"
        )


class Soak:
    """One system, and what is done to it."""

    def __init__(self, folder: Path, seed: int, still_seconds: float) -> None:
        self.chance, self.still_seconds, self.seen = random.Random(seed), still_seconds, Seen()
        self.clock = WallClock(folder)
        self.system = RunningSystem(folder, {**SETTINGS, **self.clock.settings})
        self._role_kills = 0

    def stretch(self, number: int, kills: int, until: float) -> None:
        """Kill so many times under load, or until the time is up; then ask for each event of the stretch."""
        # One stretch in four sends large events, so that the store folds its write-ahead log in; half of the others carry their own times.
        sending = BALLAST if number % 4 == 3 else Sending(stamped=number % 2 == 1, senders=3)
        points = [*POINTS, *ROLLING, *(FOLDING if sending is BALLAST else ())]
        before = self.seen.kills.total()
        with load(self.system, number, sending) as account:
            progress(account)
            while self.seen.kills.total() - before < kills and time.monotonic() < until:
                self._disturb()
                threading.Event().wait(self.chance.uniform(0.02, 1.0))
                kind = self.chance.choices(list(KINDS), list(KINDS.values()))[0]
                if self._role_kills >= 4:  # more deaths of one role make the supervisor wait longer before it starts it
                    kind = "everything"
                self._kill(kind, self.chance.choice(points))
                progress(account, events=40, seconds=60)
            self.clock.set_ahead(0)
            progress(account)
        found = differences(self.system, account)
        self.seen.acknowledged += len(account.acknowledged)
        self.seen.lost += len(found.lost)
        self.seen.doubled += len(found.doubled)
        found.must_be_none()

    def _kill(self, kind: str, point: Point) -> None:
        role = "run" if kind == "everything" else self.chance.choice(("collect", "process"))
        if kind == "named":
            role = point.role
            met = kill_at(self.system, role, point.calls, when=point.when, path=point.paths, seconds=15)
            began = time.monotonic()
            self.seen.unmet += not met
            if not met:
                kill(self.system, role)
        else:
            began = time.monotonic()
            kill(self.system, role)
        self._role_kills = 0 if role == "run" else self._role_kills + 1
        self.seen.kills[kind] += 1
        if self.chance.random() < 0.7:  # else the next kill may come before it serves
            for served in ("collect", "process") if role == "run" else (role,):
                self.seen.recoveries.append(served_again(self.system, served, began, 60))

    def _disturb(self) -> None:
        kills = self.seen.kills.total()
        if kills and kills % JUMP_EVERY == 0:
            self.clock.set_ahead(self.chance.choice((-BACK_SECONDS, 0, DAY_SECONDS)))
            self.seen.jumps += 1
        if kills and kills % STANDSTILL_EVERY == STANDSTILL_EVERY // 2:
            role = self.chance.choice(("collect", "process", "run"))
            pid = self.system.pid if role == "run" else self.system.role(role)
            os.kill(pid, signal.SIGSTOP)
            threading.Event().wait(self.still_seconds)
            os.kill(pid, signal.SIGCONT)
            self.seen.standstills += 1


def main() -> int:
    """Soak as the environment says; returns 1 when something was lost, doubled, or stood still."""
    minutes = float(os.environ.get("MINUTES", "0"))
    kills = int(os.environ.get("KILLS", str(10**9 if minutes else KILLS)))
    seed = int(os.environ.get("SEED", str(random.SystemRandom().randrange(10**6))))
    print(f"soak: {f'{minutes:g} minutes' if minutes else f'{kills} kills'}; repeat it with SEED={seed}", flush=True)
    kept = os.environ.get("FOLDER")
    folder = Path(kept) if kept else Path(tempfile.mkdtemp(prefix="ecompulse-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "data").exists():
        print(f"soak: {folder} holds data already; name another folder", file=sys.stderr)
        return 2
    soak = Soak(folder, seed, float(os.environ.get("STILL", "60")))
    began, well = time.monotonic(), False
    until = began + minutes * 60 if minutes else float("inf")
    try:
        soak.system.start()
        number = 0
        while soak.seen.kills.total() < kills and time.monotonic() < until:
            number += 1
            soak.stretch(number, min(STRETCH_KILLS, kills - soak.seen.kills.total()), until)
            print(f"  {soak.seen.line(time.monotonic() - began)}", flush=True)
        well = True
    except (OutcomeException, AssertionError) as trouble:
        print(f"soak: {trouble}\nThe data is kept in {folder}; repeat it with SEED={seed}", file=sys.stderr)
    finally:
        if soak.system.process is not None:
            soak.system.kill()
        if well and not kept:
            shutil.rmtree(folder, ignore_errors=True)
    print(soak.seen.line(time.monotonic() - began), flush=True)
    return 0 if well else 1


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
