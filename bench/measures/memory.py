"""Memory of a run over time at a constant rate: how much, and how it grows.

MINUTES=60 RATE=100000 is an hour at 100,000 events a second. The slope is that of a line through the samples of the last two thirds: before
that, caches and the database's memory fill to their limits. A slope over minutes says little; one over an hour is what counts.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np

from bench.figures import Figure
from bench.load import Load
from bench.measures.end_to_end import drained, must_all_be_there, stored
from bench.run_of import Setting, generate
from bench.system import Trouble, pss_mib, running, wait_for

MINUTES: Final = float(os.environ.get("MINUTES", "1"))
RATE: Final = int(os.environ.get("RATE", "20000"))
"""Events a second; one that the machine can take beside the load."""
BATCH: Final = 100
CONNECTIONS: Final = 64
SAMPLE_SECONDS: Final = 2.0
LOG_BYTES: Final = 2_000_000_000
"""What some minutes of the log take at most."""
STORE_BYTES_AN_EVENT: Final = 130
SLOPE_MINUTES_MIN: Final = 10
"""Over less, a slope is the filling of caches."""


def memory(setting: Setting) -> list[Figure]:
    """The most that all processes take together after a third of the time, and the slope of their sum."""
    seconds = 60 * MINUTES
    needed = RATE * seconds * STORE_BYTES_AN_EVENT + LOG_BYTES
    free = shutil.disk_usage(setting.folder).free
    if free < needed + 2_000_000_000:
        raise Trouble(
            f"{setting.folder} has {free / 1e9:.0f} GB free, this needs {needed / 1e9:.0f} and leaves 2: fewer MINUTES, or a smaller RATE"
        )
    samples: list[tuple[float, dict[str, float]]] = []
    settings = {"ECOMPULSE_LOG_KEEP_TIME": "1m"}  # whole files that the store has, so that an hour fits on the disk
    with running(setting.folder / "memory", collectors=2, settings=settings) as system, ThreadPoolExecutor(1) as thread:
        began = time.perf_counter()
        sending = thread.submit(generate, Load([system.collect], CONNECTIONS, seconds, BATCH, rate=RATE / BATCH))
        while not sending.done():
            samples.append((time.perf_counter() - began, {role: pss_mib(pid) for role, pid in system.processes().items()}))
            until = time.perf_counter() + SAMPLE_SECONDS
            wait_for(lambda until=until: sending.done() or time.perf_counter() > until, SAMPLE_SECONDS + 5, "a pause", 0.05)  # type: ignore[misc]
        sent = sending.result()
        drained(system)
        must_all_be_there(sent, stored(system))
    return _figures(samples, sent.events / sent.seconds)


def _by_minute(samples: list[tuple[float, dict[str, float]]], told: Callable[[list[float]], float]) -> list[int]:
    """What `told` says of all processes' memory in each minute."""
    minutes: dict[int, list[float]] = {}
    for at, used in samples:
        minutes.setdefault(int(at / 60), []).append(sum(used.values()))
    return [round(float(told(sums))) for _, sums in sorted(minutes.items())]


def _figures(samples: list[tuple[float, dict[str, float]]], rate: float) -> list[Figure]:
    late = samples[len(samples) // 3 :]
    hours, sums = np.array([at / 3600 for at, _ in late]), np.array([sum(used.values()) for _, used in late])
    slope = float(np.polyfit(hours, sums, 1)[0]) if len(late) > 2 else 0.0
    most = max(late, key=lambda sample: sum(sample[1].values()))[1]
    detail: dict[str, Any] = {
        "minutes": MINUTES, "events_per_second": round(rate), "samples": len(samples), "mib_per_hour": round(slope, 1),
        "at_its_most": {role: round(mib, 1) for role, mib in most.items()},
        "mib_by_minute": _by_minute(late, np.mean), "most_mib_by_minute": _by_minute(late, np.max),
    }  # fmt: skip
    words = f"{MINUTES:g} min at {rate:,.0f} events/s"
    figures = [Figure("memory-rate", f"`run` with two collectors, most over {words} (PSS)", float(sums.max()), "MiB", None, detail)]
    if MINUTES >= SLOPE_MINUTES_MIN:
        figures.append(Figure("memory-slope", f"Growth of the same over {words}", slope, "MiB/h", None, detail))
    return figures
