"""Threads for what blocks: few, so that questions never starve the stream, and with a short queue, so that nobody waits in vain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from ecompulse.serve.problem import Problem

T = TypeVar("T")

RETRY_AFTER_SECONDS: Final = 2


class Workers:
    """A bounded pool of threads; one job more than threads and queue hold is answered 503."""

    def __init__(self, name: str, threads: int, waiting_max: int) -> None:
        self._name, self._room = name, threads + waiting_max
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"serve-{name}")
        self._busy = 0

    async def run(self, job: Callable[[], T]) -> T:
        """Run a blocking job. Raises `Problem` 503 when too many wait already, and whatever the job raises."""
        if self._busy >= self._room:
            raise Problem(
                503,
                f"{self._busy} requests for {self._name} are at work or waiting. Ask again in {RETRY_AFTER_SECONDS} seconds.",
                title="Too busy",
                headers={"retry-after": str(RETRY_AFTER_SECONDS)},
            )
        self._busy += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, job)
        finally:
            self._busy -= 1

    def close(self) -> None:
        """Take no more jobs; those at work end by their own time-out."""
        self._pool.shutdown(wait=False, cancel_futures=True)
