"""How fast the synthetic shop makes events on one core: as Arrow, and as lines of JSON.

Counted by processor time. Arrow, which is one thread and touches nothing but memory, is told by its best round: whatever shares the core
takes from the others, and gives to none.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from typing import Final

import msgspec

from bench.figures import Figure, Limit
from bench.requests import shop_events
from bench.run_of import ROOT, Setting
from bench.system import Trouble
from ecompulse.simulate.arrow import record_batches
from ecompulse.simulate.options import Options, plan

EVENTS_A_SECOND: Final = 200_000
FEW: Final = 1_000
ROUND_SECONDS: Final = 0.2


def generator(setting: Setting) -> list[Figure]:
    """Arrow in this process; NDJSON by the command, less what a run costs that makes hardly any."""
    rounds = _arrow_per_second(2 * setting.seconds)
    detail = {"rounds": [round(one) for one in rounds], "p50": round(statistics.median(rounds))}
    arrow = Figure("simulate-arrow", "Synthetic shop as Arrow batches, one core, best round", max(rounds), "events/s", detail=detail)
    count = int(EVENTS_A_SECOND * setting.seconds)
    few, many = _lines(FEW), _lines(count)
    limit = Limit("msgspec encoding the same events, decoded beforehand", _encoded_per_second(setting.seconds / 2))
    detail = {"start_cpu_seconds": round(few, 2)}
    return [
        arrow,
        Figure(
            "simulate-ndjson", "Synthetic shop as NDJSON (the command), one core", (count - FEW) / (many - few), "events/s", limit, detail
        ),
    ]


def _arrow_per_second(seconds: float) -> list[float]:
    """Events a second of processor time, round by round."""
    rounds: list[float] = []
    made, first = 0, time.process_time()
    began = first
    for batch in record_batches(plan(Options(seed=3, rate="max"))):
        made += len(batch)
        now = time.process_time()
        if now - began >= ROUND_SECONDS:
            rounds.append(made / (now - began))
            made, began = 0, now
        if now - first >= seconds:
            break
    return rounds


def _lines(count: int) -> float:
    """Processor seconds of the command that writes so many lines."""
    command = [sys.executable, "-m", "ecompulse", "simulate", "--seed", "3", "--events", str(count), "--rate", "max", "--to", "-"]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise Trouble(f"simulate ended with status {child.returncode}")
    return usage.ru_utime + usage.ru_stime


def _encoded_per_second(seconds: float) -> float:
    events = [msgspec.json.decode(line) for line in shop_events(20_000)]
    encoder, count, began = msgspec.json.Encoder(), 0, time.process_time()
    while time.process_time() - began < seconds:
        encoder.encode_lines(events)
        count += len(events)
    return count / (time.process_time() - began)
