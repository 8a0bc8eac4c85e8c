"""Sending to a collector: a real HTTP server that takes, refuses, delays and hangs up as it is told."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ecompulse.simulate import collector
from ecompulse.simulate.options import Options
from ecompulse.simulate.service import simulate

from .reckoning import figures
from .running import START, truth


class Door(ThreadingHTTPServer):
    """Answers requests by a list of what to do, and afterwards takes everything."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.script: list[str] = []
        self.bodies: list[bytes] = []
        self.taken: list[bytes] = []
        self.connections = 0
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Door

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def do_POST(self) -> None:
        assert self.path == "/v1/events"
        assert self.headers["Content-Type"] == "application/json"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            act = self.server.script.pop(0) if self.server.script else "202"
            self.server.bodies.append(body)
            if act in ("202", "422", "take and hang up"):
                self.server.taken.append(body)
        if "hang up" in act:
            self.close_connection = True
            return
        told = json.dumps({"accepted": 1, "duplicates": 0, "rejected": [], "detail": "because"}).encode()
        self.send_response(int(act))
        self.send_header("Content-Length", str(len(told)))
        if act == "429":
            self.send_header("Retry-After", "0.05")
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def door() -> Iterator[Door]:
    with Door() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def sent(door: Door, **options: Any) -> tuple[int, str]:
    told = io.StringIO()
    status = simulate(Options(**{"rate": "max", "start": START, "to": door.address, **options}), io.BytesIO(), told)
    return status, told.getvalue()


def rows(bodies: list[bytes]) -> list[bytes]:
    found = [line for body in bodies for line in body[1:-1].split(b",\n")]
    assert all(isinstance(json.loads(body), list) for body in bodies)
    return found


def test_events_come_as_arrays_over_few_connections_and_the_truth_is_theirs(door: Door, tmp_path: Path) -> None:
    status, told = sent(door, events=20_000, duplicates="2%", malformed="2%", truth=tmp_path / "truth.json")
    assert status == 0, told
    assert door.connections <= collector.CONNECTIONS_FAST
    assert len(door.bodies) == pytest.approx(20_000 / collector.ROWS_PER_REQUEST, abs=5)
    reckoned, figure = figures(rows(door.taken)), truth(tmp_path / "truth.json")
    assert {name: figure[name] for name in reckoned} == reckoned
    assert figure["redelivered"] == 0


def test_a_door_that_is_busy_gets_the_same_bytes_again(door: Door, tmp_path: Path) -> None:
    door.script = ["429", "503", "429"]
    status, told = sent(door, events=50, rate="2000", truth=tmp_path / "truth.json")
    assert status == 0, told
    assert len(set(door.bodies[:4])) == 1, "the first request, four times"
    assert sorted(rows(door.taken)) == sorted(set(rows(door.bodies)))
    assert "errors 3" in told
    assert "answered 429; trying again" in told
    assert truth(tmp_path / "truth.json")["redelivered"] == 0


def test_a_lost_answer_means_that_events_may_have_come_twice_and_the_truth_says_so(door: Door, tmp_path: Path) -> None:
    door.script = ["take and hang up"]
    status, told = sent(door, events=30, rate="400000", truth=tmp_path / "truth.json")
    assert status == 0, told
    twice = len(rows(door.taken)) - len(set(rows(door.taken)))
    assert truth(tmp_path / "truth.json")["redelivered"] == twice > 0


def test_a_request_of_which_every_event_is_refused_is_delivered(door: Door) -> None:
    door.script = ["422"]
    assert sent(door, events=10)[0] == 0
    assert len(door.bodies) == 1


def test_a_door_that_will_never_take_it_ends_the_run_with_what_it_said(door: Door, tmp_path: Path) -> None:
    door.script = ["401"] * 100
    status, told = sent(door, events=100_000, truth=tmp_path / "truth.json")
    assert status == 1
    assert "401" in told
    assert "because" in told
    assert not (tmp_path / "truth.json").exists()


def test_nobody_there_is_told_at_once_and_given_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "GIVE_UP_SECONDS", 0.3)
    told = io.StringIO()
    assert simulate(Options(events=10, rate="max", start=START, to="http://127.0.0.1:9"), io.BytesIO(), told) == 1
    first, last = told.getvalue().splitlines()[0], told.getvalue().splitlines()[-1]
    assert "trying again" in first
    assert "ecompulse run" in last


def test_live_events_say_when_they_were_sent_and_happened_now(door: Door) -> None:
    status, told = sent(door, events=40, rate="60", start=None)
    assert status == 0, told
    for event in (json.loads(row) for row in rows(door.taken)):
        assert event["timestamp"] <= event["sent_at"]
    assert len(door.bodies) > 3, "at a low rate events do not wait for a full request"
