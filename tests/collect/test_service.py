"""The collector as a process of its own, on the real log: what it acknowledged is there, however it ended."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecompulse.log.sqlite import SqliteReader

PROGRAM = """
import sys
from pathlib import Path
from ecompulse.collect.service import Config, serve
sys.exit(serve(Config(data=Path(sys.argv[1]), port=int(sys.argv[2]))))
"""


class Process:
    """A collector process and a few senders."""

    def __init__(self, data: Path, port: int) -> None:
        self.data, self.port = data, port
        self.acknowledged: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(data), str(port)], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        )
        eventually(lambda: self.send(count=0) == 202)

    def send(self, count: int = 1, client: http.client.HTTPConnection | None = None) -> int:
        """Send events and remember those that were acknowledged. Gives the status, 0 where there was none."""
        ids = [str(uuid.uuid4()) for _ in range(count)]
        events = [{"event_id": one, "event_type": "custom", "user_id": "u", "properties": {"name": "n"}} for one in ids]
        mine = client or http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            mine.request("POST", "/v1/events", json.dumps(events))
            answer = mine.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            if client is None:
                mine.close()
        if answer.status == 202:
            self.acknowledged += ids
        return answer.status

    def send_until_it_ends(self) -> None:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while self.send(3, client) == 202:
            pass

    def logged(self) -> set[str]:
        reader = SqliteReader(self.data / "log")
        entries = reader.read({}, 1_000_000)
        reader.close()
        return {
            str(uuid.UUID(bytes=one))
            for entry in entries
            if entry.events is not None
            for one in entry.events.column("event_id").to_pylist()
        }


def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        threading.Event().wait(0.01)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Process]]:
    made: list[Process] = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def begin() -> Process:
        made.append(Process(tmp_path, port))
        return made[-1]

    yield begin
    for one in made:
        one.process.kill()
        one.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_acknowledged_is_in_the_log_however_it_ended(start, number):
    one = start()
    senders = [threading.Thread(target=one.send_until_it_ends) for _ in range(8)]
    for sender in senders:
        sender.start()
    eventually(lambda: len(one.acknowledged) > 500)
    one.process.send_signal(number)
    began = time.monotonic()
    status = one.process.wait(10)
    took = time.monotonic() - began
    for sender in senders:
        sender.join(15)
    assert status == (0 if number == signal.SIGTERM else -number)
    assert took < 3
    assert set(one.acknowledged) <= one.logged()
    again = start()
    assert again.send() == 202
    assert set(again.acknowledged + one.acknowledged) <= again.logged()


def test_a_full_disk_is_503_and_it_goes_on_by_itself_when_there_is_room(start):
    one = start()
    assert one.send() == 202
    resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE, (1_000, resource.RLIM_INFINITY))
    began = time.monotonic()
    assert one.send() == 503
    assert time.monotonic() - began < 5
    assert one.send() == 503, "and it stays up"
    resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    eventually(lambda: one.send() == 202)
    assert set(one.acknowledged) == one.logged()


def test_two_collectors_never_write_one_partition(start, tmp_path):
    one = start()
    second = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), str(one.port)], capture_output=True, text=True, timeout=20, check=False
    )
    assert second.returncode != 0
    assert "partition 0" in second.stderr
