"""A door without a server, and a door with one: both on a log that only remembers."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
import uvloop

from ecompulse.collect import routes
from ecompulse.collect.answer import Answer, Request
from ecompulse.collect.commit import Committer, Intake, Ticket
from ecompulse.collect.config import Config
from ecompulse.collect.door import Door
from ecompulse.collect.service import Collector
from ecompulse.contract.columns import DeadLetter, widened
from ecompulse.guard.keys import Keys
from ecompulse.guard.privacy import mask_bytes, scrub
from ecompulse.log import LogError, Packed


class Unpacked(Packed, frozen=True):
    """What is to be written, as it is."""

    batch: pa.RecordBatch | None
    letters: Sequence[DeadLetter]


class RememberedLog:
    """An appender that keeps everything in memory, and fails while `trouble` is set."""

    partition = 0

    def __init__(self) -> None:
        self.batches: list[pa.RecordBatch] = []
        self.letters: list[DeadLetter] = []
        self.appends = 0
        self.trouble = ""
        self.gate = threading.Event()
        self.gate.set()

    def pack(self, events: pa.RecordBatch | None, rejected: Sequence[DeadLetter]) -> Unpacked:
        return Unpacked((len(events) if events is not None else 0) + len(rejected), {}, None, None, None, events, rejected)

    def write(self, entry: Unpacked) -> int:
        self.gate.wait(10)
        if self.trouble:
            raise LogError(self.trouble)
        self.appends += 1
        if entry.batch is not None:
            self.batches.append(widened(entry.batch))
        self.letters += entry.letters
        return 0

    def close(self) -> None:
        """Nothing to close."""

    @property
    def rows(self) -> list[dict]:
        return [row for batch in self.batches for row in batch.to_pylist()]


class Asked:
    """The door's meaning alone: every request is answered at once, its events committed as a group of their own."""

    def __init__(self, data: Path, **settings: object) -> None:
        self.log = RememberedLog()
        self.config = Config(data=data, **settings)
        self.door = Door(self.config, Keys(data), lambda: None, lambda: b"")
        self.committer = Committer(
            self.log, lambda _: None, lambda b: scrub(b, self.config.ip_addresses), lambda b: mask_bytes(b, self.config.ip_addresses)
        )

    def __call__(self, method: str, path: str, body: object = b"", peer: str = "127.0.0.1", **headers: str) -> Answer:
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        sent = {b"content-type": b"application/json", **{k.replace("_", "-").encode(): v.encode() for k, v in headers.items()}}
        path, _, query = path.partition("?")
        outcome = routes.handle(Request(method, path, query, sent, raw, peer, 1_795_244_400_000_000), self.door)
        if isinstance(outcome, Intake):
            ticket = Ticket(outcome)
            self.committer.commit([ticket])
            assert ticket.answer is not None
            return ticket.answer
        return outcome

    def post(self, path: str, body: object, **headers: str) -> Answer:
        return self("POST", path, body, **headers)


@pytest.fixture
def ask(tmp_path: Path) -> Asked:
    return Asked(tmp_path)


@pytest.fixture
def asking(tmp_path: Path) -> Callable[..., Asked]:
    return lambda **settings: Asked(tmp_path, **settings)


class Running:
    """A collector on a free port, on an event loop of its own thread."""

    def __init__(self, config: Config, log: object) -> None:
        self.log = log
        self.port = 0
        self._loop = uvloop.new_event_loop()
        self.collector = Collector(config, Keys(config.data), log)
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(10)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)

        async def begin() -> None:
            self.port = await self.collector.start()
            started.set()

        self._loop.create_task(begin())
        self._loop.run_forever()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def begin_stop(self) -> asyncio.Future:
        return asyncio.run_coroutine_threadsafe(self.collector.stop(), self._loop)

    def stop(self) -> None:
        self.begin_stop().result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    made: list[Running] = []

    def start(log: object | None = None, **settings: object) -> Running:
        made.append(Running(Config(data=tmp_path, port=0, **settings), log or RememberedLog()))
        return made[-1]

    yield start
    for one in made:
        if not one.collector.server.draining:
            one.stop()
