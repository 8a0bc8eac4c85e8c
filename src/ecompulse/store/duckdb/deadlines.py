"""The end of questions that run too long: one thread that interrupts them, not one for each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

TICK_SECONDS: Final = 0.05
"""How late a question may be ended. To start a thread for each took a tenth of a short question's time."""


class Deadline:
    """When a question must be over; `passed` says that it was ended."""

    def __init__(self, at: float, end: Callable[[], None]) -> None:
        """`end` is called once, on another thread, when the monotonic clock is past `at`."""
        self.at, self.end, self.passed = at, end, False


class Deadlines:
    """The open deadlines of a store."""

    def __init__(self) -> None:
        self._open: set[Deadline] = set()
        self._lock, self._any, self._closed = threading.Lock(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="deadlines", daemon=True)
        self._thread.start()

    @contextmanager
    def within(self, seconds: float, end: Callable[[], None]) -> Iterator[Deadline]:
        """Call `end` if what is done in this context takes longer."""
        deadline = Deadline(time.monotonic() + seconds, end)
        with self._lock:
            self._open.add(deadline)
            self._any.set()
        try:
            yield deadline
        finally:
            with self._lock:
                self._open.discard(deadline)

    def close(self) -> None:
        """End the thread; what is still open is ended no more."""
        with self._lock:
            self._closed.set()
            self._any.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self._any.wait()
            if self._closed.wait(TICK_SECONDS):
                return
            now = time.monotonic()
            with self._lock:
                for deadline in [one for one in self._open if one.at <= now]:
                    self._open.discard(deadline)
                    deadline.passed = True
                    deadline.end()  # under the lock: whoever leaves the context knows that nobody interrupts what comes next
                if not self._open and not self._closed.is_set():
                    self._any.clear()
