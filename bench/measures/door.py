"""How much one collector takes: single events against a server that does nothing, batches against decoding and checking alone."""

from __future__ import annotations

import statistics
import time

from bench.figures import Figure, Limit
from bench.load import Load
from bench.requests import batches, shop_events
from bench.run_of import Setting, Wrk, generate, noop_server, wrk
from bench.system import System, Trouble, collectors_alone, cpu_seconds
from ecompulse.contract.check import check
from ecompulse.contract.read import read_events
from ecompulse.contract.rows import EventRows
from ecompulse.log.sqlite import SqliteReader

CONNECTIONS = 256
BATCH = 100
BATCH_CONNECTIONS = 64


def single(setting: Setting) -> list[Figure]:
    """One event a request over 256 connections, acknowledged after fsync, in turn with granian answering the same without looking."""
    return [_single(setting, 1, "single", "one collector"), _single(setting, 2, "single-2", "two collectors")]


def _single(setting: Setting, collectors: int, name: str, doors: str) -> Figure:
    ours, noops = [], []
    with collectors_alone(setting.folder / name, collectors) as system, noop_server() as noop:
        wrk(noop, CONNECTIONS, 1, setting.folder, 90)
        taken = wrk(system.collect, CONNECTIONS, 1, setting.folder, 91).requests
        for turn in range(setting.rounds):
            noops.append(wrk(noop, CONNECTIONS, setting.seconds, setting.folder, 2 * turn))
            ours.append(wrk(system.collect, CONNECTIONS, setting.seconds, setting.folder, 2 * turn + 1))
            taken += ours[-1].requests
        log = log_end(system)
    _all_logged(log, taken, CONNECTIONS * (setting.rounds + 1))
    middle = statistics.median(one.per_second for one in ours)
    limit = statistics.median(one.per_second for one in noops)
    detail = {
        "rounds": [_compared(one, other) for one, other in zip(ours, noops, strict=True)],
        "p50_ms": statistics.median(one.p50_ms for one in ours), "p99_ms": statistics.median(one.p99_ms for one in ours),
        "noop_p50_ms": statistics.median(one.p50_ms for one in noops), "noop_p99_ms": statistics.median(one.p99_ms for one in noops),
        "acknowledged": taken, "in_log": log,
    }  # fmt: skip
    title = f"Single events, each acknowledged after fsync, 256 connections, {doors}"
    return Figure(name, title, middle, "events/s", Limit("granian, RSGI, one worker, answering the same without looking", limit), detail)


def _compared(ours: Wrk, noop: Wrk) -> dict[str, float]:
    return {
        "ours": round(ours.per_second),
        "noop": round(noop.per_second),
        "ratio": round(ours.per_second / noop.per_second, 3),
    }


def batched(setting: Setting) -> list[Figure]:
    """100 events a request, one collector, in turn with reading and checking the same bytes on one core."""
    bodies = batches(shop_events(64 * BATCH), BATCH)
    ours, alone, taken, used = [], [], 0, []
    with collectors_alone(setting.folder / "batched") as system:
        for turn in range(setting.rounds):
            alone.append(checked_per_second(bodies, setting.seconds / 2))
            before = cpu_seconds(system.process.pid)
            ours.append(generate(Load([system.collect], BATCH_CONNECTIONS, setting.seconds, BATCH, seed=turn)))
            used.append((cpu_seconds(system.process.pid) - before) / ours[-1].seconds)
            taken += ours[-1].events
        log = log_end(system)
    if any(one.failed for one in ours):
        raise Trouble(f"{sum(one.failed for one in ours)} requests were not acknowledged")
    _all_logged(log, taken, 0)
    middle = statistics.median(one.events / one.seconds for one in ours)
    detail = {
        "rounds": [round(one.events / one.seconds) for one in ours], "limit_rounds": [round(one) for one in alone],
        "bytes_an_event": round(ours[0].bytes / ours[0].events), "latency_ms": ours[-1].latency_ms,
        "collector_cores": round(statistics.median(used), 2),
        "generator_cores": round(statistics.median(one.cpu_seconds / one.seconds for one in ours), 2),
        "acknowledged": taken, "in_log": log,
    }  # fmt: skip
    title = f"Batches of {BATCH} events, acknowledged after fsync, one collector, {BATCH_CONNECTIONS} connections"
    limit = Limit("decoding and checking the same bytes on one core (contract.read, contract.check)", statistics.median(alone))
    return [Figure("batched", title, middle, "events/s", limit, detail)]


def checked_per_second(bodies: list[bytes], seconds: float) -> float:
    """Events a second that one core decodes, body by body, and checks, all at once, as a collector does with what waits together."""
    count, began = 0, time.perf_counter()
    while (now := time.perf_counter()) - began < seconds:
        events = EventRows.joined([read_events(body).events for body in bodies])
        count += len(check(events, time.time_ns() // 1000).held)
    return count / (now - began)


def log_end(system: System) -> int:
    """How many events the log of a system has received, read from its files."""
    reader = SqliteReader(system.data / "log", "bench")
    try:
        return sum(reader.end().values())
    finally:
        reader.close()


def _all_logged(log: int, acknowledged: int, cut_off: int) -> None:
    """What was acknowledged is in the log; wrk leaves off with as many requests on their way as it has connections."""
    if not acknowledged <= log <= acknowledged + cut_off:
        raise Trouble(f"{acknowledged:,} events were acknowledged, the log has {log:,}")
