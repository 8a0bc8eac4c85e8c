"""The live stream: one computation for all who look, told as server-sent events (WHATWG HTML, section 9.2).

Nothing is computed while nobody looks, nor while nothing changes; under load the pause between two computations grows with what one costs,
so that looking takes a tenth of a core at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import msgspec

from ecompulse.analyze.reading import Readable
from ecompulse.analyze.real_time import MINUTES, real_time
from ecompulse.analyze.rows import plain, time_text
from ecompulse.analyze.statement import statement
from ecompulse.observe import logs, metrics
from ecompulse.serve.problem import Problem
from ecompulse.serve.state import ServeState
from ecompulse.serve.workers import Workers
from ecompulse.store import QueryError

logger = logs.logger("serve")

TICK_SECONDS: Final = 0.25
"""Four updates a second are as many as an eye follows."""
REPEAT_SECONDS: Final = 2.0
"""Figures are repeated this often even when nothing changed, so that a reader can tell a quiet shop from a dead connection."""
RENEW_SECONDS: Final = 5.0
"""Figures are computed this often even when nothing arrived, because minutes pass."""
COST_MAX: Final = 0.1
"""Share of the time that computing may take."""
LISTENERS_MAX: Final = 100
SITES_MAX: Final = 8
"""Different sites that are looked at together; each is a computation of its own."""
WAITING_MAX: Final = 16
"""Messages that wait for a slow reader; older ones are superseded by newer ones and are left out."""
NEWEST_MAX: Final = 20
"""Events told with one update: more go by than can be read."""
RETRY_MS: Final = 1_000

Message = tuple[str, bytes]


def encode(name: str, content: Any) -> Message:
    """A server-sent event, with its name beside it."""
    return name, b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(content) + b"\n\n"


class Listener:
    """One open stream."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._news = asyncio.Event()
        self._ended = False

    def tell(self, message: Message) -> None:
        """Hand over a message; a reader who is too slow misses the oldest."""
        self._waiting.append(message[1])
        del self._waiting[:-WAITING_MAX]
        self._news.set()

    def end(self) -> None:
        """Close the stream after what waits has been sent."""
        self._ended = True
        self._news.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        """What is sent, until the stream ends."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                yield self._waiting.pop(0)
            if self._ended:
                return


class Site:
    """What is told about one site (or all, with None): its listeners and the last word of each kind."""

    def __init__(self, name: str | None, *, confined: bool) -> None:
        self.name, self.confined = name, confined
        self.listeners: set[Listener] = set()
        self.last: dict[str, Message] = {}
        self.figures: dict[str, Any] = {}
        self.newest = datetime.now(UTC) - timedelta(hours=1)

    def tell(self, message: Message) -> None:
        """Tell everybody, and keep it for those who come later."""
        self.last[message[0]] = message
        for listener in self.listeners:
            listener.tell(message)


class Live:
    """All open streams and the task that feeds them. Belongs to one event loop."""

    def __init__(self, state: ServeState, health: Callable[[], dict[str, Any]]) -> None:
        self._state, self._health = state, health
        self.workers = Workers("the live stream", threads=1, waiting_max=1)
        self._sites: dict[tuple[str | None, bool], Site] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def streams(self) -> int:
        """Open streams."""
        return sum(len(site.listeners) for site in self._sites.values())

    async def listen(self, name: str | None, *, confined: bool = False) -> AsyncIterator[bytes]:
        """Begin a stream about a site; a confined reader is not told that there are others. Raises `Problem` 503 when too many are open."""
        if self.streams >= LISTENERS_MAX or ((name, confined) not in self._sites and len(self._sites) >= SITES_MAX):
            raise Problem(
                503, "Too many live streams are open. Close one, or try again later.", title="Too busy", headers={"retry-after": "10"}
            )
        site = self._sites.setdefault((name, confined), Site(name, confined=confined))
        listener = Listener()
        site.listeners.add(listener)
        metrics.LIVE_STREAMS.set(self.streams)
        for message in site.last.values():
            listener.tell(message)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="live")
        return self._stream(site, listener)

    async def _stream(self, site: Site, listener: Listener) -> AsyncIterator[bytes]:
        try:
            yield b"retry: %d\n\n" % RETRY_MS
            async for chunk in listener.chunks():
                yield chunk
        finally:
            site.listeners.discard(listener)
            if not site.listeners:
                self._sites.pop((site.name, site.confined), None)
            metrics.LIVE_STREAMS.set(self.streams)

    def close(self) -> None:
        """End every stream."""
        for site in self._sites.values():
            for listener in site.listeners:
                listener.end()
        if self._task is not None:
            self._task.cancel()
        self.workers.close()

    async def _run(self) -> None:
        """Look for changes for as long as somebody listens."""
        mark: object = object()
        renewed = repeated = resting_until = 0.0
        while self._sites:
            now = time.monotonic()
            try:
                if now >= resting_until:
                    seen = await self.workers.run(self._mark)
                    if seen != mark or now - renewed >= RENEW_SECONDS or any(not site.figures for site in self._sites.values()):
                        mark, renewed, repeated = seen, now, now
                        spent = await self._renew()
                        resting_until = time.monotonic() + spent * (1 / COST_MAX - 1)
                if now - repeated >= REPEAT_SECONDS:
                    repeated = now
                    self._repeat()
            except (QueryError, Problem) as error:
                logger.warning("live figures could not be computed", reason=str(error))
            except Exception:  # one failed computation must not leave every reader with a silent stream
                logger.exception("live figures could not be computed")
            await asyncio.sleep(TICK_SECONDS)

    def _mark(self) -> object:
        if self._state.mark is not None:
            return self._state.mark()
        figures = self._state.store.ledger()
        return figures["received"], figures["stored"], figures["dead_letters"], figures["duplicates"]

    async def _renew(self) -> float:
        """Compute and tell everything; returns the seconds of work that it took."""
        ledger, health, spent = await self.workers.run(self._about_all)
        for site in list(self._sites.values()):
            figures, newest, more = await self.workers.run(partial(self._about, site))
            spent += more
            site.figures = figures
            site.tell(encode("figures", figures))
            site.tell(encode("ledger", _confined(ledger, site) if site.confined else ledger))
            site.tell(encode("health", health))
            if newest:
                site.tell(encode("events", newest))
        return spent

    def _repeat(self) -> None:
        store = self._state.store
        fresh = {"as_of": time_text(store.as_of()), "lag_seconds": round(store.lag_seconds(), 3)}
        for site in self._sites.values():
            if site.figures:
                site.figures = {**site.figures, **fresh}
                site.tell(encode("figures", site.figures))

    def _about_all(self) -> tuple[dict[str, Any], dict[str, Any], float]:
        began = time.thread_time()
        return _ledger(self._state.store), plain(self._health()), time.thread_time() - began

    def _about(self, site: Site) -> tuple[dict[str, Any], list[dict[str, Any]], float]:
        shop, began = self._state.shop, time.thread_time()
        figures = real_time(self._state.store, {"minutes": MINUTES, "site": site.name, "traffic": shop.traffic}, shop)
        with self._state.store.snapshot(timeout_seconds=5.0) as picture:
            now = datetime.now(UTC)  # what was received before the clock was set back lies ahead of it, and must not hide the news
            values = {"after": min(site.newest, now), "until": now, "site": site.name, "traffic": shop.traffic, "limit": NEWEST_MAX}
            found = picture.query(statement("newest-events"), values, named=True).to_pylist()
        if found:
            site.newest = found[0]["received_at"]
        newest = [{name: plain(value) for name, value in event.items() if value is not None} for event in reversed(found)]
        return figures, newest, time.thread_time() - began


def _ledger(store: Readable) -> dict[str, Any]:
    sites = store.ledger("site")["items"]
    ledger: dict[str, Any] = plain(
        {**store.ledger(), "sites": {group["site"]: {k: v for k, v in group.items() if k != "site"} for group in sites}}
    )
    return ledger


def _confined(ledger: dict[str, Any], site: Site) -> dict[str, Any]:
    return {**ledger, "sites": {name: group for name, group in ledger["sites"].items() if name == site.name}}


async def until_closed(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks of a stream; its end is cleaned up also when the reader goes away in the middle."""
    async with contextlib.aclosing(chunks) as open_chunks:  # type: ignore[type-var]  # async generators have aclose
        async for chunk in open_chunks:
            yield chunk
