"""What a run takes: bytes an event on disk, memory at rest and under load, and the time to its first acknowledgement."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from bench.figures import Figure, Limit
from bench.load import Load
from bench.measures.end_to_end import drained, stored
from bench.run_of import ROOT, Setting, generate
from bench.system import System, free_port, pss_mib, rss_mib, running, wait_for

SETTLE_SECONDS: Final = 4.0
"""After a start."""
SAMPLE_SECONDS: Final = 0.25
BATCH: Final = 100
CONNECTIONS: Final = 64
EVENTS_MIN: Final = 300_000
EVENT: Final = {"event_type": "custom", "user_id": "first", "properties": {"name": "start"}}


def footprint(setting: Setting) -> list[Figure]:
    """Start, memory and bytes of one and the same run."""
    figures = [_start(setting)]
    with running(setting.folder / "run") as system:
        time.sleep(SETTLE_SECONDS)
        idle = _memory(system)
        figures.append(Figure("memory-idle", "All processes of `run`, idle (PSS)", sum(idle.values()), "MiB", None, _shown(idle)))
        figures.append(_simulator(system))
        drained(system)
        rows, sent, size, loaded = stored(system), 0, 0, idle
        with ThreadPoolExecutor(1) as thread:
            while sent < EVENTS_MIN:
                sending = thread.submit(generate, Load([system.collect], CONNECTIONS, setting.seconds, BATCH, seed=sent + 1))
                while not sending.done():
                    loaded = max(loaded, _memory(system), key=lambda memory: sum(memory.values()))
                    time.sleep(SAMPLE_SECONDS)
                sent, size = sent + sending.result().events, size + sending.result().bytes
        title = "All processes of `run`, the most under a full load (PSS)"
        figures.append(Figure("memory-load", title, sum(loaded.values()), "MiB", None, _shown(loaded)))
        drained(system)
        rows = stored(system) - rows
    each = size / sent
    # The system has ended by itself, so nothing of the rows waits in memory or in a write-ahead log.
    log, store = _bytes(system.data / "log"), _bytes(system.data / "stores")
    limit = Limit("the JSON that came, with its HTTP head", each)
    figures.append(Figure("log-bytes", "Bytes an event in the log", log / rows, "B", limit, {"events": rows, "bytes": log}))
    figures.append(
        Figure(
            "store-bytes", "Bytes an event in the store, ids and sums included", store / rows, "B", limit, {"events": rows, "bytes": store}
        )
    )
    return figures


def _start(setting: Setting) -> Figure:
    times = []
    for turn in range(3):
        began = time.perf_counter()
        folder = setting.folder / f"start-{turn}"
        folder.mkdir()
        system = System([sys.executable, "-m", "ecompulse", "run"], folder, free_port(), free_port())
        try:
            wait_for(lambda system=system: _accepted(system), 30, "a first event being acknowledged", 0.002)  # type: ignore[misc]  # bound now
            times.append(time.perf_counter() - began)
        finally:
            system.stop()
    return Figure(
        "start",
        "`run` to its first acknowledged event, median of three",
        sorted(times)[1],
        "s",
        None,
        {"seconds": [round(t, 2) for t in times]},
    )


def _accepted(system: System) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", system.collect, timeout=5)
    with contextlib.closing(connection):
        try:
            connection.request("POST", "/v1/events", json.dumps(EVENT), {"content-type": "application/json"})
            return connection.getresponse().status == 202
        except OSError:
            return False


def _simulator(system: System) -> Figure:
    command = [sys.executable, "-m", "ecompulse", "simulate", "--rate", "10", "--to", f"http://127.0.0.1:{system.collect}"]
    simulator = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(SETTLE_SECONDS)
        memory = rss_mib(simulator.pid)
    finally:
        simulator.terminate()
        simulator.wait(10)
    return Figure("memory-simulate", "`simulate` at 10 events/s to a collector (RSS)", memory, "MiB")


def _memory(system: System) -> dict[str, float]:
    return {role: pss_mib(pid) for role, pid in system.processes().items()}


def _shown(memory: dict[str, float]) -> dict[str, float]:
    return {role: round(mib, 1) for role, mib in memory.items()}


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
