"""A small disk of its own for a system, and a disk that fails when told to."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import RunningSystem, wait_until

MOUNT_SECONDS = 10


def event(number: int = 0) -> dict[str, object]:
    properties = {"product_id": f"P-{number}", "price": 1.5, "currency": "EUR", "coupon": os.urandom(200).hex()}
    return {"event_id": str(uuid.uuid4()), "event_type": "product_view", "user_id": f"u-{number}", "properties": properties}


def ids(events: list[dict[str, object]]) -> list[str]:
    return [str(one["event_id"]) for one in events]


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A tmpfs at `folder`, for the block."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, timeout=MOUNT_SECONDS, check=False)
    if made.returncode:
        pytest.fail(f"this test needs a disk of its own: run it as root where `{' '.join(command)}` is possible ({made.stderr.strip()})")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], timeout=MOUNT_SECONDS, check=True)


def fill(folder: Path, leave: int = 0) -> Path:
    """Fill the disk up to `leave` bytes; returns the file that does it."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as taking, contextlib.suppress(OSError):
        while (room := shutil.disk_usage(folder).free - leave) > 0:
            taking.write(b"\0" * min(room, 1 << 20))
    return filler


@contextlib.contextmanager
def failing(system: RunningSystem, role: str, calls: str, when: str, how: str = "error=EIO") -> Iterator[None]:
    """While the block runs, some system calls of a role fail (`when` and `how` as strace has them: which calls, and in what way)."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.fail("this test needs strace: apt-get install strace")
    said = system.folder / f"strace-{uuid.uuid4().hex}.txt"
    options = ["-f", "-e", f"trace={calls}", "-e", f"inject={calls}:{how}:when={when}", "-p", str(system.role(role))]
    with said.open("wb") as out:
        tracer = subprocess.Popen([strace, *options], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        wait_until(lambda: "attached" in said.read_text(errors="replace"), what="strace attached")
        threading.Event().wait(0.1)  # the last threads are being attached
        yield
    finally:
        tracer.kill()
        tracer.wait(10)
