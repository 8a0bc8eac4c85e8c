"""A flood in a process of its own: batches over many connections, in an open loop at a rate, or as fast as they are answered.

Run as `python -m tests.hostile.flood PORT CONNECTIONS SECONDS RATE EVENTS`, RATE 0 for as fast as answered; prints JSON. The body is the
same each time (its events have no ids, the door gives them some), so that the flood itself costs next to nothing.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import sys
import time
from collections import Counter, deque

DRAIN_SECONDS = 10.0
EVENT = b'{"event_type":"custom","user_id":"flood","properties":{"name":"wave"}}'


class Client:
    """One connection: what is left to send of its request, and when that was due."""

    __slots__ = ("due", "left", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setblocking(False)
        self.left, self.due = memoryview(b""), 0.0


class Flood:
    """All connections, and what they were told."""

    def __init__(self, port: int, connections: int, events: int) -> None:
        body = b"[" + b",".join([EVENT] * events) + b"]"
        head = f"POST /v1/events HTTP/1.1\r\nHost: flood\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.request = memoryview(head.encode() + body)
        self.epoll = select.epoll()
        self.clients = {client.socket.fileno(): client for client in (Client(port) for _ in range(connections))}
        for descriptor in self.clients:
            self.epoll.register(descriptor, select.EPOLLIN)
        self.free = deque(self.clients.values())
        self.statuses: Counter[int] = Counter()
        self.refused_seconds: list[float] = []
        self.without_retry = self.late = 0

    def run(self, seconds: float, rate: float) -> None:
        """Send for so long, then wait for what is due."""
        began, sent = time.perf_counter(), 0
        while (now := time.perf_counter()) - began < seconds:
            due = int((now - began) * rate) if rate else sent + len(self.free)
            while sent < due and self.free:
                self.send(self.free.popleft(), now)
                sent += 1
            if rate and not self.free:
                self.late += due - sent  # no connection is free: these are not sent at all, so that the rate stays what it is
                sent = due
            self.answers(0.001)
        while len(self.free) < len(self.clients) and time.perf_counter() - began < seconds + DRAIN_SECONDS:
            self.answers(0.01)

    def send(self, client: Client, due: float) -> None:
        """Begin a request."""
        client.due, client.left = due, self.request
        self.go_on(client)

    def go_on(self, client: Client) -> None:
        """Send as much as the connection takes."""
        with contextlib.suppress(BlockingIOError):  # it takes more when it can be written to again
            client.left = client.left[client.socket.send(client.left) :]
        self.epoll.modify(client.socket.fileno(), select.EPOLLIN | (select.EPOLLOUT if client.left else 0))

    def answers(self, seconds: float) -> None:
        """Take what came."""
        for descriptor, what in self.epoll.poll(seconds):
            client = self.clients[descriptor]
            if what & select.EPOLLOUT and client.left:
                self.go_on(client)
            if what & ~select.EPOLLOUT:
                self.answer(client, client.socket.recv(4_096))

    def answer(self, client: Client, told: bytes) -> None:
        """Note an answer; each is short, and comes in one piece."""
        if not told:
            raise ConnectionError("the door closed a connection")
        status = int(told.split(None, 2)[1])
        self.statuses[status] += 1
        if status in (429, 503):
            self.refused_seconds.append(time.perf_counter() - client.due)
            self.without_retry += b"Retry-After: " not in told
        if client.left:  # refused before it was all sent; the rest follows, as the head has announced it
            client.socket.setblocking(True)
            client.socket.sendall(client.left)
            client.socket.setblocking(False)
            client.left = memoryview(b"")
            self.epoll.modify(client.socket.fileno(), select.EPOLLIN)
        self.free.append(client)


def main(port: int, connections: int, seconds: float, rate: float, events: int) -> None:
    """Flood, and say what came of it."""
    flood = Flood(port, connections, events)
    flood.run(seconds, rate)
    refused = sorted(flood.refused_seconds) or [0.0]
    told = {
        "statuses": {str(status): count for status, count in flood.statuses.items()},
        "seconds": seconds,
        "unanswered": len(flood.clients) - len(flood.free),
        "late": flood.late,
        "without_retry": flood.without_retry,
        "refused_ms": {str(p): round(refused[min(len(refused) - 1, int(len(refused) * p / 100))] * 1000, 1) for p in (50, 90, 99, 100)},
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
