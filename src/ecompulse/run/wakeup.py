"""A wait that ends as soon as there is news: a signal, a child that ended, or word from another thread."""

from __future__ import annotations

import contextlib
import select
import socket


class Wakeup:
    """Ends a wait when a signal arrives, a child ends, or another thread has news."""

    def __init__(self) -> None:
        self.stop = False
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    @property
    def descriptor(self) -> int:
        """What a signal writes to."""
        return self._writer.fileno()

    def now(self) -> None:
        """End the wait; a full buffer means that it will end anyway."""
        with contextlib.suppress(BlockingIOError):
            self._writer.send(b"!")

    def wait(self, seconds: float) -> None:
        """Wait for news, at most so long."""
        if select.select([self._reader], [], [], max(seconds, 0))[0]:
            self._reader.recv(4096)
