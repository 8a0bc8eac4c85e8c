"""The API on a real socket, over a real store."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec import Struct
from tests.analyze.stocked import Stocked

from ecompulse.guard.keys import Keys
from ecompulse.serve.app import create_app
from ecompulse.serve.service import serve
from ecompulse.serve.state import Letter, QueryLimits, Replayed, ReplayFailed, ServeState


class Reply(Struct):
    """An answer as it came over the socket."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)


class Served:
    """A running API and the means to ask it."""

    def __init__(self, stocked: Stocked, keys: Keys | None = None) -> None:
        self.stocked = stocked
        self.replayed: list[Letter] = []
        self.not_ready: str | None = None
        self.failure: str | None = None
        """Why nothing can be replayed."""
        state = ServeState(
            store=stocked, keys=keys, limits=QueryLimits(seconds=2.0),
            version="1.2.3", collector="http://door", ready=lambda: self.not_ready,
            health=lambda: {"warnings": ["the disk is nearly full"]}, mark=lambda: stocked.offset, replay=self._replay,
        )  # fmt: skip
        self.app = create_app(state)
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(listening.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(serve(self.app, listening, self._stop),))
        self._thread.start()

    def _replay(self, letters: Any) -> list[Replayed]:
        if self.failure is not None:
            raise ReplayFailed(self.failure)
        self.replayed += letters
        return [_replayed(one) for one in letters]

    def close(self) -> float:
        """Stop, and say how long that took."""
        import time

        began = time.monotonic()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive(), "the API did not stop"
        self._loop.close()
        return time.monotonic() - began

    def connect(self) -> http.client.HTTPConnection:
        """A connection of its own."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        """Send one request; a body that is not bytes becomes JSON, header names take _ for -."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            sent.setdefault("content-type", "application/json")
        with closing(self.connect()) as connection:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def get(self, path: str, **parameters: str) -> Reply:
        """GET with parameters."""
        return self.call("GET", path + (f"?{urlencode(parameters)}" if parameters else ""))

    def sql(self, sql: str, **more: Any) -> Reply:
        """POST /api/query."""
        return self.call("POST", "/api/query", {"sql": sql, **more})


def _replayed(letter: Letter) -> Replayed:
    if letter.replayed_at is not None:
        return Replayed(letter.id, "already", at=letter.replayed_at)
    if b"good" in letter.body:
        return Replayed(letter.id, "accepted", event_id="an id")
    return Replayed(letter.id, "rejected", "event_type", "is unknown")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """An API over an empty store."""
    stocked = Stocked(tmp_path)
    running = Served(stocked)
    yield running
    if running._thread.is_alive():  # a test may have stopped it
        running.close()
    stocked.store.close()
