"""The load: requests over many connections, as fast as they are answered (closed loop) or at a constant rate (open loop).

In the open loop a request has its time before anything is sent, and its latency counts from then: a server that stands still for 100 ms
is seen by every request that was due meanwhile, not by one. Run as `python -m bench.load` with a JSON specification on standard input.
"""

from __future__ import annotations

import resource
import select
import socket
import sys
import time
from collections import deque
from typing import Literal

import msgspec
import numpy as np

from bench.lines import LINE_MARK, line_batches
from bench.requests import Fields, Renewed, batches, shop_events

DRAIN_SECONDS = 5.0


class Load(msgspec.Struct, frozen=True):
    """What to send: `size` events a request over `connections`, for `seconds`; `rate` is requests a second, None for as many as go."""

    ports: list[int]
    connections: int
    seconds: float
    size: int = 1
    rate: float | None = None
    version: int = 7
    seed: int = 1
    templates: int = 1_024
    """Different bodies that are sent in turn: at a hundred events each nearly as many as a flush writes, so that sessions, people and words
    are as many as a shop's. With 64 of them all of it goes an eighth quicker, and a row takes a quarter less."""
    fields: Fields = "all"
    """All that the shop's events say, or the usual ones only."""
    form: Literal["json", "line"] = "json"
    """JSON to a collector, or the same events in the line protocol of InfluxDB and QuestDB."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of it. Latencies are milliseconds, of requests that were answered with 2xx."""

    requests: int
    events: int
    failed: int
    seconds: float
    cpu_seconds: float
    """Processor time of the generator itself."""
    bytes: int
    latency_ms: dict[str, float]
    late_ms: dict[str, float]
    """How late the generator itself was in sending (open loop); part of the latency."""
    histogram: list[list[float]]
    """[percentile, latency] pairs for plots."""


class _Connection:
    __slots__ = ("answer", "due", "left", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.socket.setblocking(False)
        self.answer, self.due, self.left = b"", 0.0, b""


def run(load: Load) -> Outcome:
    """Send a load and wait for its answers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, load.connections + 200)), hard))
    events = shop_events(load.templates * load.size, fields=load.fields)
    if load.form == "json":
        source = Renewed(batches(events, load.size), seed=load.seed, version=load.version)
    else:
        source = Renewed(line_batches(events, load.size), "/write", load.seed, load.version, LINE_MARK)
    return _Driver(load, source).run()


class _Driver:
    def __init__(self, load: Load, source: Renewed) -> None:
        self._load, self._source = load, source
        self._epoll = select.epoll()
        self._by_fd: dict[int, _Connection] = {}
        self._free: deque[_Connection] = deque()
        self._latencies: list[float] = []
        self._late: list[float] = []
        self._failed = self._bytes = self._waiting = 0
        for number in range(load.connections):
            connection = _Connection(load.ports[number % len(load.ports)])
            self._by_fd[connection.socket.fileno()] = connection
            self._epoll.register(connection.socket.fileno(), select.EPOLLIN)
            self._free.append(connection)

    def run(self) -> Outcome:
        before, began = time.process_time(), time.perf_counter()
        self._closed(began) if self._load.rate is None else self._open(began, self._load.rate)
        ended = time.perf_counter()
        while self._waiting and time.perf_counter() - ended < DRAIN_SECONDS:
            self._answers(0.01, reuse=False)
        self._failed += self._waiting
        seconds = ended - began if self._load.rate is not None else time.perf_counter() - began
        cpu = time.process_time() - before
        for connection in self._by_fd.values():
            connection.socket.close()
        requests = len(self._latencies)
        latencies = np.sort(np.array(self._latencies or [0.0])) * 1000
        points = [50, 75, 90, 95, 99, 99.5, 99.9, 99.99, 100]
        return Outcome(
            requests, requests * self._source.events, self._failed, seconds, cpu, self._bytes, _quantiles(latencies),
            _quantiles(np.array(self._late or [0.0]) * 1000), [[p, round(float(np.percentile(latencies, p)), 3)] for p in points],
        )  # fmt: skip

    def _closed(self, began: float) -> None:
        until = began + self._load.seconds
        while self._free:
            self._send(self._free.popleft(), time.perf_counter())
        while time.perf_counter() < until:
            self._answers(0.01, reuse=True)

    def _open(self, began: float, rate: float) -> None:
        step, count = 1 / rate, int(rate * self._load.seconds)
        sent = 0
        descriptor = self._epoll.fileno()
        while sent < count:
            now = time.perf_counter()
            while sent < count and self._free and began + sent * step <= now:
                due = began + sent * step
                self._late.append(now - due)
                self._send(self._free.popleft(), due)
                sent += 1
            ahead = began + sent * step - time.perf_counter()
            if ahead > 0 or not self._free:  # select waits to the microsecond where epoll rounds up to the millisecond
                select.select([descriptor], [], [], max(0.0, ahead) if self._free else 0.01)
            self._answers(0, reuse=False)

    def _send(self, connection: _Connection, due: float) -> None:
        request = next(self._source)
        connection.due = due
        self._waiting += 1
        self._bytes += len(request)
        try:
            sent = connection.socket.send(request)
        except BlockingIOError:
            sent = 0
        if sent < len(request):
            connection.left = bytes(request[sent:])
            self._epoll.modify(connection.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _answers(self, seconds: float, *, reuse: bool) -> None:
        for descriptor, what in self._epoll.poll(seconds):
            connection = self._by_fd[descriptor]
            if what & select.EPOLLOUT and connection.left:
                connection.left = connection.left[connection.socket.send(connection.left) :]
                if not connection.left:
                    self._epoll.modify(descriptor, select.EPOLLIN)
            if what & select.EPOLLIN:
                self._answer(connection, connection.socket.recv(65_536), reuse=reuse)
            elif what & (select.EPOLLERR | select.EPOLLHUP):
                raise ConnectionError("the server closed a connection")

    def _answer(self, connection: _Connection, data: bytes, *, reuse: bool) -> None:
        if not data:
            raise ConnectionError(f"the server closed a connection after {len(self._latencies)} answers")
        answer = connection.answer + data if connection.answer else data
        head = answer.find(b"\r\n\r\n")
        if head < 0 or len(answer) < head + 4 + _length(answer[:head]):
            connection.answer = answer
            return
        connection.answer = b""
        self._waiting -= 1
        now = time.perf_counter()
        if answer[9:10] == b"2":
            self._latencies.append(now - connection.due)
        else:
            self._failed += 1
        if reuse:
            self._send(connection, now)
        else:
            self._free.append(connection)


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


def _quantiles(values: np.ndarray) -> dict[str, float]:
    return {
        "mean": round(float(values.mean()), 3),
        **{f"p{p:g}": round(float(np.percentile(values, p)), 3) for p in (50, 90, 99, 99.9, 100)},
    }


def main() -> None:
    """Read the specification, wait for a line that says go, run, write the outcome."""
    load = msgspec.json.decode(sys.stdin.buffer.readline(), type=Load)
    sys.stdout.buffer.write(msgspec.json.encode(run(load)) + b"\n")


if __name__ == "__main__":
    main()
