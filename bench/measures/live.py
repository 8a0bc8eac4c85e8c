"""From a shop's event to whoever watches the live page: sent, acknowledged, and told by the live stream."""

from __future__ import annotations

import http.client
import json
import queue
import threading
import time
import uuid
from typing import Any, Final

import numpy as np

from bench.figures import Figure, Limit
from bench.run_of import Setting
from bench.system import Trouble, ask, running

PROBES: Final = 40
EVERY_SECONDS: Final = 0.4
"""Between two events of a calm shop."""
GIVE_UP_SECONDS: Final = 10.0

Told = queue.SimpleQueue[tuple[str, float]]


def live(setting: Setting) -> list[Figure]:
    """Events one by one, each with a search of its own, until the stream tells of it."""
    with running(setting.folder / "live") as system:
        told: Told = queue.SimpleQueue()
        begun = threading.Event()
        threading.Thread(target=_listen, args=(system.serve, told, begun), daemon=True).start()
        if not begun.wait(GIVE_UP_SECONDS):
            raise Trouble(f"the live stream told nothing within {GIVE_UP_SECONDS:g} s")
        acknowledged, seen = [], []
        pause = threading.Event()
        for number in range(PROBES):
            pause.wait(EVERY_SECONDS * (0.8 + 0.4 * number / PROBES))  # not in step with the stream's own ticks
            began = time.perf_counter()
            name = str(uuid.uuid4())
            ask(system.collect, "POST", "/v1/events", {"event_type": "search", "user_id": "bench", "properties": {"query": name}})
            acknowledged.append((time.perf_counter() - began) * 1000)
            seen.append((_when(told, name) - began) * 1000)
    found = {f"p{p}": round(float(np.percentile(seen, p)), 2) for p in (50, 99)}
    limits = {f"p{p}": round(float(np.percentile(acknowledged, p)), 2) for p in (50, 99)}
    detail = {"probes": PROBES, "percentiles": [[p, round(float(np.percentile(seen, p)), 2)] for p in (50, 75, 90, 95, 99, 100)]}
    title = "A calm shop's event, from sending it to the live stream's message about it"
    limit = "its acknowledgement, with a connection of its own"
    return [Figure(f"live-{name}", f"{title}, {name}", value, "ms", Limit(limit, limits[name]), detail) for name, value in found.items()]


def _listen(port: int, told: Told, begun: threading.Event) -> None:
    """Pass on the texts that were searched for, each with the time at which the stream told of it."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/api/live")
    answer, kind = connection.getresponse(), ""
    while line := answer.readline():
        name, _, content = line.decode().strip().partition(": ")
        if name == "event":
            kind = content
        elif name == "data":
            now = time.perf_counter()
            begun.set()
            events: list[dict[str, Any]] = json.loads(content) if kind == "events" else []
            for event in events:
                told.put((event.get("query", ""), now))


def _when(told: Told, name: str) -> float:
    while True:
        try:
            query, at = told.get(timeout=GIVE_UP_SECONDS)
        except queue.Empty:
            raise Trouble(f"an acknowledged event was not told by the live stream within {GIVE_UP_SECONDS:g} s") from None
        if query == name:
            return at
