"""How much goes the whole way: from HTTP to a row that can be queried, with the load on the same machine."""

from __future__ import annotations

import statistics
import time
from typing import Any, Final

from bench.figures import Figure, Limit
from bench.load import Load, Outcome
from bench.measures.door import checked_per_second
from bench.requests import Fields, batches, shop_events
from bench.run_of import Setting, generate
from bench.system import System, Trouble, cpu_seconds, running, wait_for
from bench.usual import COLUMNS

BATCH = 100
COLLECTORS: Final = (1, 2, 4)
CONNECTIONS = 64
CATCH_UP_SECONDS = 60.0


def end_to_end(setting: Setting) -> list[Figure]:
    """Batches of 100 with one collector, two and four, in rounds; the clock stops when the last event can be queried."""
    return [*(_with(setting, collectors) for collectors in COLLECTORS), _with(setting, 1, "usual")]


def _with(setting: Setting, collectors: int, fields: Fields = "all") -> Figure:
    bodies = batches(shop_events(64 * BATCH, fields=fields), BATCH)
    rounds, limits = [], []
    with running(setting.folder / f"{fields}-{collectors}", collectors=collectors) as system:
        for turn in range(setting.rounds):
            limits.append(checked_per_second(bodies, 1.0))
            rounds.append(through(system, setting.seconds, turn, fields))
    per_second, detail = middle(rounds)
    limit = Limit("decoding and checking the same bytes on one core", statistics.median(limits))
    doors = "1 collector" if collectors == 1 else f"{collectors} collectors"
    title = f"HTTP to a row that can be queried, batches of {BATCH}, {doors}, load on the same cores"
    if fields == "usual":
        return Figure("end-to-end-usual", f"{title}, events with the usual {COLUMNS} fields", per_second, "events/s", limit, detail)
    return Figure(f"end-to-end-{collectors}", title, per_second, "events/s", limit, detail)


def middle(rounds: list[tuple[float, dict[str, Any]]]) -> tuple[float, dict[str, Any]]:
    """The round in the middle, with the pace of each beside what there is to say about it."""
    ordered = sorted(rounds, key=lambda done: done[0])
    per_second, detail = ordered[len(ordered) // 2]
    return per_second, {"rounds": [round(done) for done, _ in rounds], **detail}


def through(system: System, seconds: float, seed: int = 1, fields: Fields = "all") -> tuple[float, dict[str, Any]]:
    """Events a second from HTTP to a row that can be queried, after a short load that warms up, and what there is to say about it."""
    generate(Load([system.collect], CONNECTIONS, min(1.0, seconds), BATCH, seed=seed + 98, fields=fields))
    drained(system)
    before, rows_before = used(system), stored(system)
    began = time.perf_counter()
    sent = generate(Load([system.collect], CONNECTIONS, seconds, BATCH, seed=seed, fields=fields))
    started = time.perf_counter() - sent.seconds
    behind = sent.events - (stored(system) - rows_before)
    drained(system)
    taken = time.perf_counter() - started
    spent = {role: now - before.get(role, 0.0) for role, now in used(system).items()}
    cores = {role: round(seconds_used / (time.perf_counter() - began), 2) for role, seconds_used in spent.items()}
    rows = stored(system) - rows_before
    must_all_be_there(sent, rows)
    detail = {
        "acknowledged_per_second": round(sent.events / sent.seconds),
        "behind_when_the_load_ended": behind,
        "seconds": round(taken, 2),
        "events": rows,
        "cores": cores,
        "cpu_us_an_event": {
            **{role: round(used * 1e6 / rows, 2) for role, used in spent.items()},
            "the load itself": round(sent.cpu_seconds * 1e6 / rows, 2),
        },
        "generator_cores": round(sent.cpu_seconds / sent.seconds, 2),
        "latency_ms": sent.latency_ms,
    }
    return rows / taken, detail


def stored(system: System) -> int:
    """Events that the store has."""
    return int(system.query("select count(*) from events")[0][0])


def drained(system: System) -> None:
    """Wait until everything received is accounted for."""
    wait_for(lambda: system.ledger()["in_flight"] == 0, CATCH_UP_SECONDS, "nothing in flight", 0.02)


def used(system: System) -> dict[str, float]:
    """Processor seconds by role so far."""
    return {role: cpu_seconds(pid) for role, pid in system.processes().items()}


def must_all_be_there(sent: Outcome, rows: int) -> None:
    """Every acknowledged event is a row.

    Raises:
        Trouble: it is not, or a request failed.
    """
    if sent.failed or rows != sent.events:
        raise Trouble(f"{sent.events:,} events were acknowledged, {sent.failed} requests failed, {rows:,} rows came of it")
