"""The listening side of the door: accepts connections, watches their deadlines, hands requests on, and ends without losing an answer."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Final

from ecompulse.collect.answer import Answer, Request, problem
from ecompulse.collect.commit import Committer, Intake, Outcome
from ecompulse.collect.config import Config
from ecompulse.collect.connection import CROWDED, Connection, Slot
from ecompulse.collect.heads import Heads
from ecompulse.collect.metrics import Meter
from ecompulse.collect.routes import route_of
from ecompulse.collect.wire import date_line, render
from ecompulse.observe.logs import logger

HELD_BYTES_LIMIT: Final = 128 * 1024 * 1024
"""Bytes of bodies that are still arriving, over all connections: 10,000 slow clients of 13 kB each. It is a quarter of the 512 MB that a
collector keeps to under any load; as much is for what waits for its commit, decoded, and half for the program and a group being written."""
BACKLOG: Final = 4_096
"""Connections that may wait to be accepted: a shop's burst of new visitors; the system may cap it (somaxconn)."""
SWEEP_SECONDS: Final = 1.0
"""How often deadlines are looked at: to visit 10,000 connections takes about a millisecond."""

_log = logger("collect")


class Server:
    """All connections of one process, and the way from a request to its group and back. Everything runs on the event loop's thread."""

    def __init__(self, handle: Callable[[Request], Answer | Intake], committer: Committer, meter: Meter, config: Config) -> None:
        self._handle, self._committer, self._meter, self._connections_max = handle, committer, meter, config.connections_max
        self.submit = committer.submit
        self.body_limit, self.held_limit = config.body_max, HELD_BYTES_LIMIT
        self.held_bytes = 0
        self.draining = False
        self.now = time.monotonic()
        self.date = date_line()
        self.heads = Heads()
        self._rendered: tuple[Answer | None, bytes] = (None, b"")
        self.connections: set[Connection] = set()
        self._listener: asyncio.AbstractServer | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop

    async def start(self, host: str, port: int) -> int:
        """Listen; several processes may share a port. Returns the port (the system's choice where it was 0).

        Raises:
            OSError: the address cannot be bound.
        """
        self._loop = asyncio.get_running_loop()
        listener = bound(host, port)
        self._listener = await self._loop.create_server(lambda: Connection(self), sock=listener, backlog=BACKLOG)
        self._sweep()
        chosen: int = listener.getsockname()[1]
        return chosen

    async def drain(self, seconds: float) -> None:
        """Take no new connection, answer what is here, close the rest. Returns when all is closed, at the latest after `seconds`."""
        self.draining = True
        if self._listener is not None:
            self._listener.close()
        for connection in tuple(self.connections):
            connection.drain()
        end = time.monotonic() + seconds
        while self.connections and time.monotonic() < end:
            await asyncio.sleep(0.005)
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in tuple(self.connections):
            connection.expire()

    def handle(self, request: Request) -> Answer | Intake:
        """What a request means; a fault of ours is a 500 and never reaches the connection."""
        try:
            outcome = self._handle(request)
        except Exception as fault:  # noqa: BLE001 — the next request of this client, and all others, must go on
            _log.exception("request_failed", method=request.method, path=request.path[:200])
            outcome = problem(500, f"This request hit a fault of ours ({type(fault).__name__}); nothing of it was kept.")
        return outcome

    def refusal(self, size: int) -> Answer | None:
        """Whether the door is too busy for a body of `size` bytes, which is then not read, or at least not decoded."""
        refusal = self._committer.refusal(size)
        if refusal is None and self.held_bytes + size > self.held_limit:
            refusal = CROWDED
        return refusal

    def deliver(self, outcome: Outcome) -> None:
        """Write the answers of a finished group."""
        for ticket in outcome.tickets:
            if isinstance(ticket, Slot):
                ticket.connection.flush()

    def count(self, path: str, status: int) -> None:
        """Count an answer."""
        self._meter.answered(route_of(path), status)

    def rendered(self, answer: Answer) -> bytes:
        """The bytes of an answer without anything special about it. Most answers are the same as the one before, within the same second."""
        if answer is not self._rendered[0]:
            self._rendered = (answer, render(answer, self.date, None, False, False))
        return self._rendered[1]

    def refused(self, read_us: int) -> None:
        """Note how long a refusal took, since what it was decided by was read."""
        self._meter.refused(max(0, time.time_ns() // 1_000 - read_us) / 1e6)

    def joined(self, connection: Connection) -> bool:
        """Note a new connection; false where there are too many."""
        self.connections.add(connection)
        return len(self.connections) <= self._connections_max

    def left(self, connection: Connection) -> None:
        """Forget a connection."""
        self.connections.discard(connection)

    def _sweep(self) -> None:
        self.now, self.date, self._rendered = time.monotonic(), date_line(), (None, b"")
        for connection in [one for one in self.connections if one.deadline < self.now]:
            connection.expire()
        self._sweeper = self._loop.call_later(SWEEP_SECONDS, self._sweep)


def bound(host: str, port: int) -> socket.socket:
    """A socket on an address that the processes of one user may share (SO_REUSEPORT).

    Raises:
        OSError: the address is taken, or not ours; the text names it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
    except OSError as wrong:
        listener.close()
        raise OSError(wrong.errno, f"the collector cannot listen on {host}:{port}: {wrong.strerror}") from None
    listener.setblocking(False)
    return listener
