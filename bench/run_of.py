"""What every measurement is given, and the load generators as processes of their own."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from bench.load import Load, Outcome
from bench.requests import shop_events
from bench.system import Trouble, free_port, wait_for

ROOT: Final = Path(__file__).parent.parent
SCRIPT: Final = Path(__file__).with_name("single.lua")
WRK_TEMPLATES: Final = 200


class Setting(msgspec.Struct, frozen=True):
    """`seconds` of each load, and a folder for what is written."""

    folder: Path
    seconds: float = 5.0
    rounds: int = 3
    """How often a figure and its limit are measured in turn; the median of each counts."""


def generate(load: Load) -> Outcome:
    """Run the generator in a process of its own.

    Raises:
        Trouble: it failed.
    """
    command = [sys.executable, "-m", "bench.load"]
    done = subprocess.run(command, input=msgspec.json.encode(load) + b"\n", cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise Trouble(f"the load generator failed: {done.stderr.decode(errors='replace')[-1500:]}")
    return msgspec.json.decode(done.stdout, type=Outcome)


class Wrk(msgspec.Struct, frozen=True):
    """What wrk saw."""

    per_second: float
    requests: int
    p50_ms: float
    p99_ms: float


_UNITS: Final = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def wrk(port: int, connections: int, seconds: float, folder: Path, seed: int) -> Wrk:
    """Single events as fast as they are answered, by one thread of wrk.

    Raises:
        Trouble: wrk is not here, or some answer was no 2xx.
    """
    if shutil.which("wrk") is None:
        raise Trouble("wrk is not installed; on Debian and Ubuntu: apt-get install wrk; on macOS: brew install wrk")
    bodies = folder / "single.ndjson"
    if not bodies.exists():
        bodies.write_bytes(b"\n".join(shop_events(WRK_TEMPLATES)) + b"\n")
    now_ms = time.time_ns() // 1_000_000 + seed
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        "--latency",
        "-s",
        str(SCRIPT),
        f"http://127.0.0.1:{port}/v1/events",
    ]
    done = subprocess.run([*command, "--", str(bodies), str(seed), str(now_ms)], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode or "Requests/sec" not in said or "Non-2xx" in said or "Socket errors" in said:
        raise Trouble(f"wrk was not answered well: {said[-1500:]}")
    return Wrk(
        float(_found(r"Requests/sec:\s+([\d.]+)", said)[0]),
        int(_found(r"(\d+) requests in", said)[0]),
        *(float(value) * _UNITS[unit] for value, unit in (_found(rf"\s{p}%\s+([\d.]+)(us|ms|s)", said) for p in (50, 99))),
    )


def _found(pattern: str, text: str) -> tuple[str, ...]:
    found = re.search(pattern, text)
    if found is None:
        raise Trouble(f"wrk's output has no {pattern}: {text[-500:]}")
    return found.groups()


@contextlib.contextmanager
def noop_server() -> Iterator[int]:
    """granian with one worker and a handler that does nothing; gives its port.

    Raises:
        Trouble: granian is not installed.
    """
    port = free_port()
    granian = Path(sys.executable).with_name("granian")
    if not granian.exists():
        raise Trouble("granian is not installed, and it is the limit of this figure: .venv/bin/python -m pip install granian")
    command = [
        str(granian),
        "--interface",
        "rsgi",
        "--workers",
        "1",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--loop",
        "uvloop",
        "--no-ws",
    ]
    server = subprocess.Popen([*command, "--log-level", "error", "bench.noop:answer"], cwd=ROOT, stdin=subprocess.DEVNULL)
    try:
        wait_for(lambda: _open(port), 15, "granian listening")
        yield port
    finally:
        server.terminate()
        server.wait(10)


def _open(port: int) -> bool:

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
