"""A real ecompulse for tests: `ecompulse run` as its own process group, on free ports, in a folder of its own."""

from __future__ import annotations

import contextlib
import gc
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import pytest

START_SECONDS = 30.0  # on a busy machine of two cores; alone it takes two
PATIENCE_SECONDS = 15.0
LOOK_SECONDS = 0.02

T = TypeVar("T")


def pytest_configure() -> None:
    """End at SIGTERM as at Ctrl-C, so that a time-out of the whole run leaves no system behind: each leads a process group of its own."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def wait_until(condition: Callable[[], T], seconds: float = PATIENCE_SECONDS, what: str = "the condition") -> T:
    """Ask until the answer is true and return it; fail the test when the time is up."""
    give_up_at = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > give_up_at:
            pytest.fail(f"{what} was not so within {seconds} s; the last answer was {answer!r}")
        _pause()
    return answer


def _pause() -> None:
    """Let others run before asking again."""
    threading.Event().wait(LOOK_SECONDS)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of one of the two ports."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)


def call(method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None, timeout: float = 20.0) -> Reply:
    """Send one request. A body that is not bytes is sent as JSON."""
    parts = urlsplit(url)
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    sent = {"content-type": "application/json"} if data is not None else {}
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    with contextlib.closing(connection):
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, data, {**sent, **(headers or {})})
        answer = connection.getresponse()
        return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


@dataclass(slots=True)
class RunningSystem:
    """`ecompulse run` in a folder: its two addresses, its processes, what it said."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    collect_port: int = field(default_factory=free_port)
    serve_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def door(self) -> str:
        """Address of the collector."""
        return f"http://127.0.0.1:{self.collect_port}"

    @property
    def api(self) -> str:
        """Address of dashboard and API."""
        return f"http://127.0.0.1:{self.serve_port}"

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def pid(self) -> int:
        """The supervisor, which leads the process group."""
        assert self.process is not None, "start it first"
        return self.process.pid

    @property
    def environment(self) -> dict[str, str]:
        """What each of its commands finds in the environment."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("ECOMPULSE_")}
        ports = {"ECOMPULSE_COLLECT": f"127.0.0.1:{self.collect_port}", "ECOMPULSE_SERVE": f"127.0.0.1:{self.serve_port}"}
        return {**inherited, **ports, "ECOMPULSE_DATA": str(self.data), **self.settings}

    def start(self, *arguments: str) -> RunningSystem:
        """Start `ecompulse run` and wait until both ports are ready."""
        with (self.folder / "console.txt").open("ab") as console:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ecompulse", "run", *arguments],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        give_up_at = time.monotonic() + START_SECONDS
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > give_up_at:
                self.kill()
                pytest.fail(f"`ecompulse run` did not get ready (exit {self.process.returncode}):\n{self.console()[-3000:]}")
            _pause()
        return self

    def ready(self) -> bool:
        """Whether both ports say that they are ready."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return all(call("GET", f"{port}/readyz", timeout=2.0).status == 200 for port in (self.door, self.api))
        return False

    def console(self) -> str:
        """All that it has said."""
        return (self.folder / "console.txt").read_text(errors="replace")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Ask it to end and wait for that; returns the seconds that it took."""
        assert self.process is not None, "start it first"
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
                pytest.fail(f"`ecompulse run` did not end within {PATIENCE_SECONDS} s of {number.name}:\n{self.console()[-3000:]}")
        return time.monotonic() - began

    def kill(self) -> None:
        """kill -9 of every process of the run."""
        assert self.process is not None, "start it first"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def roles(self) -> dict[int, str]:
        """The children that are alive: process id to role."""
        rows = subprocess.run(["ps", "-eo", "pid=,pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout.splitlines()
        split = [row.split(None, 3) for row in rows]
        alive = [
            (int(pid), args) for pid, group, state, args in split if int(group) == self.pid and int(pid) != self.pid and "Z" not in state
        ]
        return {pid: args.split(" ecompulse ", 1)[-1].split()[0] for pid, args in alive}

    def role(self, name: str) -> int:
        """The process id of a role, once it is alive."""
        return wait_until(lambda: next((pid for pid, role in self.roles().items() if role == name), 0), what=f"the role {name}")

    def command(self, *arguments: str, seconds: float = 60.0, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run another command with the same settings."""
        return subprocess.run(
            [sys.executable, "-m", "ecompulse", *arguments],
            cwd=self.folder,
            env={**self.environment, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def send(self, body: object, path: str = "/v1/events", **headers: str) -> Reply:
        """Send events to the collector; header names take _ for -."""
        return call("POST", self.door + path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def sql(self, sql: str, **parameters: object) -> list[list[Any]]:
        """The rows of a query."""
        answer = call("POST", f"{self.api}/api/query", {"sql": sql, "parameters": parameters})
        assert answer.status == 200, answer
        rows: list[list[Any]] = answer.json()["rows"]
        return rows

    def ask(self, question: str, **parameters: str) -> dict[str, Any]:
        """The answer to a question."""
        answer = call("GET", f"{self.api}/api/analytics/{question}?{urlencode(parameters)}")
        assert answer.status == 200, answer
        found: dict[str, Any] = answer.json()
        return found

    def wait_stored(self, event_ids: list[str], seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until there is one row for each of these events."""
        listed = ",".join(f"'{e}'" for e in event_ids)
        count = f"select count(*) from events where event_id in ({listed})"
        wait_until(lambda: int(self.sql(count)[0][0]) == len(set(event_ids)), seconds, f"{len(set(event_ids))} events stored")


def pytest_unconfigure() -> None:
    """Let go of what a failed test's traceback holds: libraries report it as leaked, behind the closing line."""
    for name in ("last_type", "last_value", "last_traceback"):
        if hasattr(sys, name):
            delattr(sys, name)
    gc.unfreeze()  # a collector in this process had what was there then stay for good
    gc.collect()


@pytest.fixture
def make_system(tmp_path: Path) -> Iterator[Callable[..., RunningSystem]]:
    """Makes systems that are not started yet, each with settings of its own; what is left of them is killed at the end."""
    made: list[RunningSystem] = []

    def make(**settings: str) -> RunningSystem:
        folder = tmp_path / f"system{len(made)}"
        folder.mkdir()
        made.append(RunningSystem(folder, settings))
        return made[-1]

    yield make
    for system in made:
        if system.process is not None:
            system.kill()


@pytest.fixture
def running_system(make_system: Callable[..., RunningSystem]) -> RunningSystem:
    """A running system for one test, which may stop and kill it."""
    return make_system().start()


@pytest.fixture(scope="module")
def shared_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A running system for all tests of a module, which must leave it running."""
    system = RunningSystem(tmp_path_factory.mktemp("system"))
    try:
        yield system.start()
    finally:  # also when it was interrupted while it started
        if system.process is not None:
            system.kill()
