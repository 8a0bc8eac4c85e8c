"""The load generator counts waiting: against a server that stands still, every request that was due meanwhile is late."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from bench.load import Load, run

ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"
STANDS_STILL_SECONDS = 0.3


class Server:
    """Answers each read of a connection; before the n-th it stands still, for all connections."""

    def __init__(self, still_before: int | None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock, self._answered, self._still_before = threading.Lock(), 0, still_before
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._listener.accept()[0],), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):
            while connection.recv(100_000):
                with self._lock:
                    self._answered += 1
                    if self._answered == self._still_before:
                        threading.Event().wait(STANDS_STILL_SECONDS)
                connection.sendall(ANSWER)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def stalling() -> Iterator[Server]:
    with closing(Server(still_before=20)) as server:
        yield server


def test_an_open_loop_sends_every_request_that_was_due_and_counts_its_waiting(stalling: Server) -> None:
    outcome = run(Load([stalling.port], connections=2, seconds=1.0, rate=100.0, templates=4))

    assert (outcome.requests, outcome.failed) == (100, 0)
    assert outcome.latency_ms["p100"] >= STANDS_STILL_SECONDS * 1000
    assert outcome.latency_ms["p90"] >= 100  # some thirty of the hundred were due while the server stood still


def test_a_closed_loop_sends_as_fast_as_it_is_answered(stalling: Server) -> None:
    outcome = run(Load([stalling.port], connections=2, seconds=0.6, size=3, templates=4))

    assert outcome.failed == 0
    assert outcome.events == 3 * outcome.requests
    assert outcome.requests > 100
