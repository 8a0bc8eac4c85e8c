"""A real ecompulse to be measured: its own process group, free ports, a folder of its own, and what it uses."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 10.0
TICKS: Final = os.sysconf("SC_CLK_TCK")

T = TypeVar("T")


class Trouble(Exception):
    """A measurement could not be taken; the text says why."""


def wait_for(condition: Callable[[], T], seconds: float, what: str, every: float = 0.005) -> T:
    """Ask until the answer is true.

    Raises:
        Trouble: it was not, for so long.
    """
    until = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > until:
            raise Trouble(f"{what} was not so within {seconds:g} s")
        time.sleep(every)
    return answer


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class System:
    """Processes under one command, and how to talk with them."""

    def __init__(self, command: Sequence[str], folder: Path, collect: int, serve: int, settings: dict[str, str] | None = None) -> None:
        self.folder, self.collect, self.serve = folder, collect, serve
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ECOMPULSE_")}
        own = {
            "ECOMPULSE_DATA": str(folder / "data"),
            "ECOMPULSE_COLLECT": f"127.0.0.1:{collect}",
            "ECOMPULSE_SERVE": f"127.0.0.1:{serve}",
            "ECOMPULSE_LOG_FORMAT": "json",
        }
        self.console = folder / "console.txt"
        with self.console.open("ab") as console:
            self.process = subprocess.Popen(
                command, env={**inherited, **own, **(settings or {})}, cwd=folder, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                start_new_session=True,
            )  # fmt: skip

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.folder / "data"

    def get(self, port: int, path: str) -> Any:
        """The JSON at a path."""
        return ask(port, "GET", path)

    def query(self, sql: str) -> list[list[Any]]:
        """Rows of a query."""
        rows: list[list[Any]] = ask(self.serve, "POST", "/api/query", {"sql": sql})["rows"]
        return rows

    def ledger(self) -> dict[str, Any]:
        """What became of every event so far."""
        found: dict[str, Any] = self.get(self.serve, "/api/ledger")
        return found

    def processes(self) -> dict[str, int]:
        """Its processes by role."""
        return {_role(pid): pid for pid in group(self.process.pid)}

    def ready(self, port: int) -> None:
        """Wait until a port is ready.

        Raises:
            Trouble: it is not; the text ends with what the processes said.
        """

        def is_ready() -> bool:
            if self.process.poll() is not None:
                raise Trouble(f"it ended: {self.console.read_text(errors='replace')[-2000:]}")
            with contextlib.suppress(OSError, Trouble, http.client.HTTPException):
                ask(port, "GET", "/readyz", raw=True)
                return True
            return False

        wait_for(is_ready, START_SECONDS, f"port {port} being ready")

    def stop(self) -> None:
        """End it as an operator would; kill what is left of its group."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def ask(port: int, method: str, path: str, body: object = None, *, raw: bool = False) -> Any:
    """One request; the JSON of its answer.

    Raises:
        Trouble: the answer is no 2xx.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, sent, {"content-type": "application/json"} if sent else {})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise Trouble(f"{method} {path}: {answer.status} {content[:300]!r}")
        return content if raw else json.loads(content)


@contextlib.contextmanager
def running(folder: Path, *, collectors: int = 1, settings: dict[str, str] | None = None) -> Iterator[System]:
    """`ecompulse run`, ready."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "ecompulse", "run"]
    system = System(command, folder, free_port(), free_port(), {"ECOMPULSE_COLLECTORS": str(collectors), **(settings or {})})
    try:
        system.ready(system.serve)
        system.ready(system.collect)
        yield system
    finally:
        system.stop()


@contextlib.contextmanager
def collectors_alone(folder: Path, count: int = 1) -> Iterator[System]:
    """`ecompulse collect`, so many processes that share a port, ready; nothing reads their log. Gives the first."""
    folder.mkdir(parents=True, exist_ok=True)
    command, ports = [sys.executable, "-m", "ecompulse", "collect", "--partition"], (free_port(), free_port())
    with contextlib.ExitStack() as until:
        doors = [System([*command, str(n)], folder, *ports, {"ECOMPULSE_COLLECTORS": str(count)}) for n in range(count)]
        for door in doors:
            until.callback(door.stop)
        doors[0].ready(doors[0].collect)
        if count > 1:  # each tells of those that it knows
            told = [f'partition="{n}"'.encode() for n in range(count)]
            wait_for(
                lambda: all(name in ask(doors[0].collect, "GET", "/metrics", raw=True) for name in told),
                START_SECONDS, "every collector being ready", 0.1,
            )  # fmt: skip
        yield doors[0]


def group(leader: int) -> list[int]:
    """The processes of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == leader:
                    found.append(int(entry.name))
    return found


def _role(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    role = next((words[at + 2] for at, word in enumerate(words[:-2]) if word == "-m"), words[0])
    return f"{role} {words[words.index('--partition') + 1]}" if "--partition" in words else role


def pss_mib(pid: int) -> float:
    """Memory of a process in MiB, pages that are shared counted in parts (proportional set size)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise Trouble(f"/proc/{pid}/smaps_rollup has no Pss")


def rss_mib(pid: int) -> float:
    """Memory of a process in MiB, pages that are shared counted in full."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
