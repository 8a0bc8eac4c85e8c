"""How long things take at half of capacity: from a request to its acknowledgement, and from there to a query that sees it."""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
from msgspec.structs import replace

from bench.figures import Figure, Limit
from bench.load import Load
from bench.machine import fsync_ms
from bench.run_of import Setting, generate, wrk
from bench.system import System, Trouble, ask, collectors_alone, running

USERS: Final = (100, 1_000)
BATCH: Final = 100
CONNECTIONS: Final = 64
PROBE_EVERY_SECONDS: Final = 0.01
PROBES_MIN: Final = 20
STREAM_SECONDS: Final = 12.0
"""Time for some 160 probes: of 50 the slowest alone would be the 99th percentile."""
GIVE_UP_SECONDS: Final = 10.0


def acknowledged(setting: Setting) -> list[Figure]:
    """Single events at half of what the collector takes, from 100 and 1,000 connections; of the rounds the one in the middle counts."""
    figures = []
    sync = fsync_ms(setting.folder)
    with collectors_alone(setting.folder / "ack") as system:
        capacity = wrk(system.collect, 256, setting.seconds, setting.folder, 500).per_second
        for users in USERS:
            load = Load([system.collect], users, setting.seconds, 1, rate=capacity / 2)
            seeds = range(users, users + setting.rounds)
            rounds = sorted((generate(replace(load, seed=seed)) for seed in seeds), key=lambda sent: sent.latency_ms["mean"])
            if failed := sum(sent.failed for sent in rounds):
                raise Trouble(f"{failed} of {sum(sent.requests for sent in rounds)} requests failed at half of capacity")
            sent = rounds[len(rounds) // 2]
            detail = {
                "rounds": [{name: one.latency_ms[name] for name in ("mean", "p50", "p99")} for one in rounds],
                "capacity_per_second": round(capacity),
                "rate_per_second": round(sent.requests / sent.seconds),
                "latency_ms": sent.latency_ms,
                "generator_late_ms": sent.late_ms,
                "percentiles": sent.histogram,
            }
            for quantile in ("mean", "p50", "p99"):
                title = f"Single event to acknowledgement, {users:,} connections, half of capacity, {quantile}"
                figures.append(
                    Figure(
                        f"ack-{users}-{quantile}",
                        title,
                        sent.latency_ms[quantile],
                        "ms",
                        Limit("one fsync of 64 kB, alone", sync["p50" if quantile == "mean" else quantile]),
                        detail,
                    )
                )
    return figures


def fresh(setting: Setting) -> list[Figure]:
    """From an event's acknowledgement to the first query that finds it, beside a stream at half of capacity."""
    with running(setting.folder / "fresh") as system:
        found, polls, detail = freshness(system, setting.seconds)
    title = "Acknowledgement to the end of the first query that finds the event, half of capacity"
    limits = {name: Limit("such a query alone, under the same load", value) for name, value in polls.items()}
    return [Figure(f"fresh-{name}", f"{title}, {name}", value, "ms", limits[name], detail) for name, value in found.items()]


def freshness(system: System, seconds: float) -> tuple[dict[str, float], dict[str, float], dict[str, Any]]:
    """p50 and p99 in milliseconds of being found and of one query, at half of what the system takes, and what there is to say about it."""
    with ThreadPoolExecutor() as threads:
        full = generate(Load([system.collect], CONNECTIONS, seconds, BATCH, seed=3))
        capacity = full.requests / full.seconds
        while system.ledger()["in_flight"]:
            time.sleep(0.05)
        length = max(STREAM_SECONDS, 2 * seconds)
        sending = threads.submit(generate, Load([system.collect], CONNECTIONS, length, BATCH, rate=capacity / 2, seed=4))
        until = time.perf_counter() + 1.0
        while not ask(system.serve, "GET", "/api/ledger")["in_flight"] and time.perf_counter() < until:
            time.sleep(0.01)
        seen, polls = _probe(system, sending.done)
        sent = sending.result()
    if sent.failed:
        raise Trouble(f"{sent.failed} requests failed at half of capacity")
    quantiles = {
        name: {f"p{p}": round(float(np.percentile(values, p)), 2) for p in (50, 99)} for name, values in (("seen", seen), ("polls", polls))
    }
    detail = {
        "capacity_per_second": round(capacity * BATCH),
        "rate_per_second": round(sent.events / sent.seconds),
        "probes": len(seen),
        "poll_ms": quantiles["polls"],
        "percentiles": [[p, round(float(np.percentile(seen, p)), 2)] for p in (50, 75, 90, 95, 99, 100)],
        "latency_ms": sent.latency_ms,
    }
    return quantiles["seen"], quantiles["polls"], detail


def _probe(system: System, over: Any) -> tuple[list[float], list[float]]:
    """Send an event now and then and ask until it is found: milliseconds from acknowledgement to answer, and those of each query."""
    seen: list[float] = []
    polls: list[float] = []
    pause = threading.Event()
    while not over() or len(seen) < PROBES_MIN:
        name = str(uuid.uuid4())
        sent = {"event_id": name, "event_type": "custom", "user_id": "bench", "properties": {"name": "probe"}}
        ask(system.collect, "POST", "/v1/events", sent)
        acknowledged_at = time.perf_counter()
        sql = f"select count(*) from events where event_id = '{name}' and received_at > now() - interval 20 second"
        while True:
            asked = time.perf_counter()
            found = system.query(sql)[0][0]
            now = time.perf_counter()
            polls.append((now - asked) * 1000)
            if found:
                break
            if now - acknowledged_at > GIVE_UP_SECONDS:
                raise Trouble(f"an acknowledged event was not found by a query within {GIVE_UP_SECONDS:g} s")
        seen.append((now - acknowledged_at) * 1000)
        pause.wait(PROBE_EVERY_SECONDS)
    return seen, polls
