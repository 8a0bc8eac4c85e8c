"""Threads for what blocks: few, so that questions never starve the stream, and with a short queue, so that nobody waits in vain."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from ecompulse.serve.problem import Problem

T = TypeVar("T")
Job = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]

RETRY_AFTER_SECONDS: Final = 2


class Workers:
    """A bounded pool of threads; one job more than threads and queue hold is answered 503.

    The threads are daemons, unlike those of concurrent.futures: a query that runs on for half a minute must not hold up the end of a run.
    """

    def __init__(self, name: str, threads: int, waiting_max: int) -> None:
        self._name, self._room = name, threads + waiting_max
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._work, name=f"serve-{name}-{number}", daemon=True) for number in range(threads)]
        self._open: set[asyncio.Future[Any]] = set()
        self._closed = False
        for thread in self._threads:
            thread.start()

    async def run(self, job: Callable[[], T]) -> T:
        """Run a blocking job. Raises `Problem` 503 when too many wait already, and whatever the job raises."""
        if self._closed:
            raise _stopping()
        if len(self._open) >= self._room:
            raise Problem(
                503,
                f"{len(self._open)} requests for {self._name} are at work or waiting. Ask again in {RETRY_AFTER_SECONDS} seconds.",
                title="Too busy",
                headers={"retry-after": str(RETRY_AFTER_SECONDS)},
            )
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._open.add(future)
        self._jobs.put((job, loop, future))
        return await future

    def close(self) -> None:
        """Take no more jobs, and tell whoever waits for one that it will not come; those at work end by their own time-out."""
        self._closed = True
        for future in self._open:
            if not future.done():
                future.set_exception(_stopping())
        for _ in self._threads:
            self._jobs.put(None)

    def wait(self, seconds: float) -> bool:
        """After `close`: wait for the jobs at work; false when some are not done in time."""
        for thread in self._threads:
            thread.join(seconds / len(self._threads))
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while (taken := self._jobs.get()) is not None:
            job, loop, future = taken
            result, error = None, None
            try:
                if not future.done():
                    result = job()
            except BaseException as raised:  # noqa: BLE001 — it is handed to whoever awaits the job
                error = raised
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._done, future, result, error)

    def _done(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        self._open.discard(future)
        if future.done():  # the asker has left, or was told that we are stopping
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
            future.exception()  # looked at, so that nothing is said of it when the asker has left


def _stopping() -> Problem:
    headers = {"retry-after": str(RETRY_AFTER_SECONDS)}
    return Problem(503, f"This process is stopping. Ask again in {RETRY_AFTER_SECONDS} seconds.", title="Stopping", headers=headers)
