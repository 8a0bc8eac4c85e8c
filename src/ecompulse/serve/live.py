"""The live stream: one computation for all who look, told as server-sent events (WHATWG HTML, section 9.2).

Nothing is computed while nobody looks, nor while nothing changes; under load the pause between two computations grows with what they cost.
What is quick to ask (orders, revenue, the newest events) is told at every change; people, pages and products, which take longer the more
came in the last minutes, at a pace of their own. So looking takes two tenths of a core at most, and the first never waits for the second.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Final

import msgspec

from ecompulse.analyze.rows import plain
from ecompulse.observe import logs, metrics
from ecompulse.serve.budget import Budget
from ecompulse.serve.moment import Moment
from ecompulse.serve.problem import Problem
from ecompulse.serve.state import ServeState
from ecompulse.serve.workers import Workers
from ecompulse.store import QueryError

logger = logs.logger("serve")

TICK_SECONDS: Final = 0.025
"""How often to look whether anything came, which costs next to nothing."""
PACE_SECONDS: Final = 0.25
"""Four updates a second are as many as an eye follows."""
REPEAT_SECONDS: Final = 2.0
"""Figures are repeated this often even when nothing changed, so that a reader can tell a quiet shop from a dead connection."""
RENEW_SECONDS: Final = 5.0
"""Figures are computed this often even when nothing arrived, because minutes pass."""
COST_MAX: Final = 0.1
"""Share of a core's time that quick figures may take, and again the others."""
FIRST_SECONDS: Final = 1.0
"""A page that begins waits this long for all figures together; then those that take longer come when they are there."""
LISTENERS_MAX: Final = 100
SITES_MAX: Final = 8
"""Different sites that are looked at together; each is a computation of its own."""
WAITING_MAX: Final = 16
"""Messages that wait for a slow reader; older ones are superseded by newer ones and are left out."""
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

    def __init__(self, moment: Moment, name: str | None, *, confined: bool) -> None:
        self.moment, self.name, self.confined = moment, name, confined
        self.listeners: set[Listener] = set()
        self.last: dict[str, Message] = {}
        self.counting: asyncio.Task[None] | None = None
        self.counted: object = object()
        """What had come when it was counted last, …"""
        self.counted_at = 0.0
        """… and when that was."""

    def is_due(self, mark: object, now: float) -> bool:
        """Whether it should be counted, when `mark` has come."""
        pause = PACE_SECONDS if self.counted != mark else RENEW_SECONDS
        return self.counting is None and now - self.counted_at >= pause and bool(self.last)

    def tell(self, message: Message) -> None:
        """Tell everybody, and keep it for those who come later."""
        self.last[message[0]] = message
        for listener in self.listeners:
            listener.tell(message)

    def tell_figures(self, figures: dict[str, Any] | None) -> None:
        """Tell the figures, if there are any yet."""
        if figures is not None:
            self.tell(encode("figures", figures))


class Live:
    """All open streams and the task that feeds them. Belongs to one event loop."""

    def __init__(self, state: ServeState, health: Callable[[], dict[str, Any]]) -> None:
        self._state, self._health = state, health
        self.workers = Workers("the live stream", threads=2, waiting_max=SITES_MAX)
        self._looks, self._counts = Budget(COST_MAX), Budget(COST_MAX)
        self._one_count = asyncio.Lock()
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
        moment = Moment(lambda: self._state.store, name, self._state.shop)
        site = self._sites.setdefault((name, confined), Site(moment, name, confined=confined))
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
            if site.counting is not None:
                site.counting.cancel()
        if self._task is not None:
            self._task.cancel()
        self.workers.close()

    async def _run(self) -> None:
        """Look for changes for as long as somebody listens."""
        mark: object = object()
        renewed = repeated = 0.0
        while self._sites:
            now = time.monotonic()
            try:
                if now - renewed >= PACE_SECONDS and self._looks.is_free(now):
                    seen = await self.workers.run(self._mark)
                    if seen != mark or now - renewed >= RENEW_SECONDS or any(not site.last for site in self._sites.values()):
                        mark, renewed, repeated = seen, now, now
                        self._looks.spend(await self._renew(mark), now)
                for site in self._sites.values():
                    if site.is_due(mark, now) and self._counts.is_free(now):
                        self._begin_to_count(site, mark)
                if now - repeated >= REPEAT_SECONDS:
                    repeated = now
                    for site in self._sites.values():
                        site.tell_figures(site.moment.repeated())
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

    async def _renew(self, mark: object) -> float:
        """Tell everything that is quick to ask, the shop's own news first; returns the seconds of work that it took."""
        spent, sites = 0.0, list(self._sites.values())
        for site in sites:
            if not site.last and site.counting is None:
                await asyncio.wait({self._begin_to_count(site, mark)}, timeout=FIRST_SECONDS)
            newest, more = await self.workers.run(partial(_looked, site.moment))
            spent += more
            site.tell_figures(site.moment.figures())
            if newest:
                site.tell(encode("events", newest))
        ledger, health, more = await self.workers.run(self._about_all)
        for site in sites:
            site.tell(encode("ledger", _confined(ledger, site) if site.confined else ledger))
            site.tell(encode("health", health))
        return spent + more

    def _begin_to_count(self, site: Site, mark: object) -> asyncio.Task[None]:
        site.counted, site.counted_at = mark, time.monotonic()
        site.counting = asyncio.create_task(self._count(site), name="live-count")
        return site.counting

    async def _count(self, site: Site) -> None:
        """Bring those figures up to date that take longer, and tell them; one site at a time."""
        async with self._one_count:
            began, spent = time.monotonic(), None
            try:
                spent = await self.workers.run(site.moment.count)
                if site.last:
                    site.tell_figures(site.moment.figures())
            except (QueryError, Problem) as error:
                logger.warning("people, pages and products could not be counted", reason=str(error))
            except Exception:
                logger.exception("people, pages and products could not be counted")
            if spent is None:
                site.counted, spent = object(), time.monotonic() - began
        site.counting = None
        self._counts.spend(spent, began)

    def _about_all(self) -> tuple[dict[str, Any], dict[str, Any], float]:
        began = time.thread_time()
        return plain(self._state.store.ledger()), plain(self._health()), time.thread_time() - began


def _looked(moment: Moment) -> tuple[list[dict[str, Any]], float]:
    began = time.thread_time()
    return moment.look(), time.thread_time() - began


def _confined(ledger: dict[str, Any], site: Site) -> dict[str, Any]:
    return {**ledger, "sites": {name: group for name, group in ledger["sites"].items() if name == site.name}}


async def until_closed(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks of a stream; its end is cleaned up also when the reader goes away in the middle."""
    async with contextlib.aclosing(chunks) as open_chunks:  # type: ignore[type-var]  # async generators have aclose
        async for chunk in open_chunks:
            yield chunk
