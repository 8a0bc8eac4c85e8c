"""A client that says exactly the bytes that it is told to, and a look at the memory of a role."""

from __future__ import annotations

import json
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import RunningSystem

PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class Told:
    """An answer as it came: status, headers by small name, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)


def connect(system: RunningSystem) -> socket.socket:
    return socket.create_connection(("127.0.0.1", system.collect_port), timeout=PATIENCE_SECONDS)


def head(length: int | None, *headers: str, path: str = "/v1/events") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", *headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def read(sock: socket.socket) -> Told | None:
    """The next answer; None where the connection ended without one."""
    got = sock.makefile("rb")
    line = got.readline()
    if not line:
        return None
    headers = {}
    while (said := got.readline()) not in (b"\r\n", b""):
        name, _, value = said.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return Told(int(line.split()[1]), headers, got.read(int(headers.get("content-length", "0"))))


def say(system: RunningSystem, *parts: bytes) -> Told | None:
    """Send all of it, as far as the door reads, and read the first answer."""
    with connect(system) as sock:
        try:
            for part in parts:
                sock.sendall(part)
        except ConnectionError:
            pass  # it was refused while we were still sending; the answer is there all the same
        return read(sock)


def post(system: RunningSystem, body: bytes, *headers: str, path: str = "/v1/events") -> Told:
    told = say(system, head(len(body), *headers, path=path), body)
    assert told is not None, "no answer"
    return told


def resident_bytes(pid: int) -> int:
    """Memory that a process has now, of its own."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def peak_bytes(pid: int) -> int:
    """The most that it had since `forget_peak`."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def event(**changes: Any) -> dict[str, Any]:
    usual = {"event_id": str(uuid.uuid4()), "event_type": "search", "user_id": "u", "properties": {"query": "mug"}}
    return {**usual, **changes}
