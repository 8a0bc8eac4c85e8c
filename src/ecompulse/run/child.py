"""One role as a child process: started, watched, started again with backoff, and never outliving its supervisor."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

FIRST_BACKOFF_SECONDS = 0.2
LAST_BACKOFF_SECONDS = 5.0  # long enough not to burn a core on a role that cannot start, short enough not to be waited for
HEALTHY_AFTER_SECONDS = 30.0  # a role that lived this long failed for a new reason
PARENT_WATCH_SECONDS = 0.5

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def backoff_seconds(failures: int) -> float:
    """How long to wait before a restart: not at all after the first failure, then 0.2 s, doubled up to 5 s."""
    return 0.0 if failures <= 1 else min(FIRST_BACKOFF_SECONDS * 2 ** min(failures - 2, 16), LAST_BACKOFF_SECONDS)


@dataclass(slots=True)
class Child:
    """A role of the run and its process, if it has one now.

    Attributes:
        name: what people call it, such as collect or collect 1.
        arguments: its role and options, as `run.role` takes them.
        forever: whether it must be started again even when it ended well.
        done: whether it ended well and need not be started again.
    """

    name: str
    arguments: tuple[str, ...]
    forever: bool = True
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    started_at: float = 0.0
    restart_at: float = 0.0
    done: bool = False

    def start(self, environment: Mapping[str, str], stderr: int | None = None) -> None:
        """Start its process, in the process group of this one."""
        self.started_at = time.monotonic()
        command = [sys.executable, "-m", "ecompulse", *self.arguments, "--supervisor", str(os.getpid())]
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=stderr)

    def ended(self, now: float) -> int | None:
        """The exit status of a process that has ended since the last look, else None; sets when it may start again."""
        if self.process is None or (status := self.process.poll()) is None:
            return None
        self.process = None
        self.done = status == 0 and not self.forever
        self.failures = 1 if now - self.started_at > HEALTHY_AFTER_SECONDS else self.failures + 1
        self.restart_at = now + backoff_seconds(self.failures)
        return status

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its process, if it has one."""
        if self.process is not None:
            self.process.send_signal(number)


def die_with(supervisor: int) -> None:
    """Called by a role at its start: end when the supervisor does, even when that is killed, and leave Ctrl-C to it.

    The supervisor decides in which order roles drain, but a terminal sends Ctrl-C to all of them; so it is blocked here.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(supervisor,), name="parent-watch", daemon=True).start()
    if os.getppid() != supervisor:  # it died before the kernel was told
        os.kill(os.getpid(), signal.SIGKILL)


def _watch(supervisor: int) -> None:
    """Where the kernel does not tell (macOS), look: a process whose parent died belongs to another one."""
    while os.getppid() == supervisor:
        time.sleep(PARENT_WATCH_SECONDS)  # nothing tells of it, so it is looked for
    os.kill(os.getpid(), signal.SIGKILL)
