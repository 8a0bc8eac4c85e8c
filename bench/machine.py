"""The machine that a run was measured on: without it a figure says nothing."""

from __future__ import annotations

import os
import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

SYNCS: Final = 200
SYNC_BYTES: Final = 64 * 1024
LOOPS: Final = 40
LOOP_TURNS: Final = 200_000


def describe(folder: Path) -> dict[str, Any]:
    """Processor, cores, memory, kernel, versions, load, and how long an fsync takes in `folder`."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("duckdb", "pyarrow", "polars", "msgspec", "uvloop")},
        "load_average_before": [round(load, 2) for load in os.getloadavg()],
        "fsync_ms": fsync_ms(folder),
    }


def fsync_ms(folder: Path) -> dict[str, float]:
    """Milliseconds to write 64 kB and have it on disk: median and 99th percentile."""
    path = folder / "fsync"
    taken = []
    block = os.urandom(SYNC_BYTES)
    with path.open("wb", buffering=0) as out:
        for _ in range(SYNCS):
            began = time.perf_counter()
            out.write(block)
            os.fdatasync(out.fileno()) if hasattr(os, "fdatasync") else os.fsync(out.fileno())
            taken.append((time.perf_counter() - began) * 1000)
    path.unlink()
    taken.sort()
    return {"p50": round(statistics.median(taken), 3), "p99": round(taken[int(len(taken) * 0.99)], 3)}


def loop_ms() -> dict[str, float]:
    """Milliseconds of a loop that needs nothing but a core: at best, and in the middle, which is more where something else uses the core.

    That may be a neighbour on its other thread, whom neither the load average nor any counter of this machine shows.
    """
    taken = []
    for _ in range(LOOPS):
        began, total = time.perf_counter(), 0
        for number in range(LOOP_TURNS):
            total += number
        taken.append((time.perf_counter() - began) * 1000)
        time.sleep(0.005)
    return {"best": round(min(taken), 2), "p50": round(statistics.median(taken), 2)}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
