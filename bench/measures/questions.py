"""How long the dashboard's questions take over stores of 1, 10 and 100 million events, asked over HTTP as the page asks them."""

from __future__ import annotations

import contextlib
import http.client
import math
import os
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from bench import stock
from bench.figures import Figure
from bench.run_of import Setting
from bench.system import System, Trouble, cpu_seconds, free_port

SIZE: Final = int(os.environ.get("SIZE", "1"))
"""Million events of the store."""
RANGES: Final = (("live", timedelta(minutes=30), "minute"), ("day", timedelta(days=1), "hour"), ("all", None, "day"))
"""The ranges of the page that a store of these days can fill; all of it is what `30 days` is to a shop of that size."""
QUESTIONS: Final = (
    "revenue", "timeline", "funnel", "top-products", "sources", "campaigns", "pages", "countries", "platforms", "searches", "errors",
    "latency", "sessions",
)  # fmt: skip
PAGE: Final = ("timeline", "timeline", "timeline", "timeline", "funnel", "top-products", "sources", "searches", "errors", "latency")
"""What one round of the overview asks at once: the period and the one before it, as a line and as one figure, and the panels."""
ASKED_MIN: Final = 5
ASKED_MAX: Final = 200
SLOW_SECONDS: Final = 6.0
LIMIT_MS: Final = 10_000.0
"""The setting `query_time`: a question is ended then."""


def questions(setting: Setting) -> list[Figure]:
    """Each question, one after the other, over each range; then a whole round of the page."""
    folder = stock.stocked(SIZE)
    figures = []
    with asked_of(folder, setting.folder) as system:
        _, last = bounds(system)
        figures += [_asked(setting, system, name, "list", path) for name, path in _lists(system, last)]
        for name, length, grain in RANGES:
            until = datetime.fromtimestamp(last // 60 * 60 + 60, UTC)
            since = until - (length or timedelta(minutes=SIZE * stock.STRETCH_MINUTES))
            if length is not None and length > timedelta(minutes=SIZE * stock.STRETCH_MINUTES):
                continue
            when = {"from": since.isoformat(), "to": until.isoformat(), "grain": grain}
            given = urllib.parse.urlencode(when)
            figures += [_asked(setting, system, question, name, f"/api/analytics/{question}?{given}") for question in QUESTIONS]
            figures.append(_round(setting, system, name, when))
    return figures


@contextlib.contextmanager
def asked_of(data: Path, folder: Path) -> Iterator[System]:
    """`ecompulse process` on a data folder, ready to be asked."""
    folder.mkdir(parents=True, exist_ok=True)
    system = System([sys.executable, "-m", "ecompulse", "process"], folder, free_port(), free_port(), {"ECOMPULSE_DATA": str(data)})
    try:
        system.ready(system.serve)
        yield system
    finally:
        system.stop()


def bounds(system: System) -> tuple[float, float]:
    """The times of the first and the last event, in seconds since 1970."""
    first, last = system.query("select epoch(min(timestamp)), epoch(max(timestamp)) from events")[0]
    return float(first), float(last)


def _lists(system: System, last: float) -> Iterator[tuple[str, str]]:
    """What is asked without a range, by name: live figures, the newest events, those of one person and session, what to show them next."""
    when = datetime.fromtimestamp(last - 600, UTC).isoformat()
    user, session = system.query(
        f"select user_id, session_id from events where event_type = 'product_view' and user_id is not null and timestamp > '{when}' limit 1"
    )[0]
    yield "real-time", "/api/analytics/real-time"
    yield "events", "/api/events?limit=100"
    yield "events-of-a-visitor", f"/api/events?limit=100&{urllib.parse.urlencode({'visitor': user})}"
    yield "events-of-a-session", f"/api/events?limit=100&{urllib.parse.urlencode({'session': session})}"
    yield "recommendations", f"/api/recommendations/{urllib.parse.quote(user, safe='')}"


def _asked(setting: Setting, system: System, question: str, name: str, path: str) -> Figure:
    before = cpu_seconds(system.process.pid)
    taken = _repeated(lambda: answered_ms(system.serve, path), setting.seconds / 8)
    used_ms = (cpu_seconds(system.process.pid) - before) * 1000 / len(taken)
    return _figure(f"question-{question}-{name}", f"`{question}` over {_words(name)}", taken, used_ms)


def _round(setting: Setting, system: System, name: str, when: dict[str, str]) -> Figure:
    """All panels of the overview at once, until the last has its answer."""
    paths = [f"/api/analytics/{question}?{urllib.parse.urlencode(when)}" for question in PAGE]
    with ThreadPoolExecutor(len(paths)) as threads:

        def once() -> float:
            asked = time.perf_counter()
            longest = max(threads.map(lambda path: answered_ms(system.serve, path), paths))
            return math.inf if math.isinf(longest) else (time.perf_counter() - asked) * 1000

        taken = _repeated(once, setting.seconds / 4)
    return _figure(f"page-{name}", f"A whole round of the overview, {len(paths)} questions at once, over {_words(name)}", taken)


def _repeated(once: Callable[[], float], seconds: float) -> list[float]:
    """Milliseconds of asking again and again; what takes seconds is asked a few times, and what is ended by the time limit once."""
    taken: list[float] = []
    began = time.perf_counter()
    while len(taken) < ASKED_MIN or (time.perf_counter() - began < seconds and len(taken) < ASKED_MAX):
        taken.append(once())
        if math.isinf(taken[-1]) or (time.perf_counter() - began > SLOW_SECONDS and len(taken) > 1):
            break
    return taken


def _words(name: str) -> str:
    if name == "list":
        return f"all there is, store of {SIZE} million events"
    days = SIZE * stock.STRETCH_MINUTES / 1440
    span = {"live": "the last 30 minutes", "day": "a day of 10 million", "all": f"all of it ({days:g} days)"}[name]
    return f"{span}, store of {SIZE} million events"


def _figure(name: str, title: str, taken: list[float], used_ms: float | None = None) -> Figure:
    ended = sum(map(math.isinf, taken))
    told = [LIMIT_MS if math.isinf(one) else one for one in taken]
    found = {f"p{p}": round(float(np.percentile(told, p)), 2) for p in (50, 99)}
    detail = {"asked": len(taken), **found, **({"ended_by_the_time_limit": ended} if ended else {})}
    detail |= {} if used_ms is None else {"cpu_ms": round(used_ms, 1)}
    return Figure(f"{name}-{SIZE}M", f"{title}, p99", found["p99"], "ms", None, detail)


def answered_ms(port: int, path: str) -> float:
    """Milliseconds from asking to the last byte of a 200, over a connection of its own; infinite when the server's time limit ended it.

    Raises:
        Trouble: the answer is another.
    """
    asked = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        content = answer.read()
    if answer.status == http.HTTPStatus.REQUEST_TIMEOUT:
        return math.inf
    if answer.status != http.HTTPStatus.OK:
        raise Trouble(f"{path}: {answer.status} {content[:300]!r}")
    return (time.perf_counter() - asked) * 1000
