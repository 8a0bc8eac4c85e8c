"""`ecompulse run`: starts the roles, starts a dead one again, and drains them in order. Owns nothing but them and the lock."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ecompulse.run import lock, ports
from ecompulse.run.child import Child
from ecompulse.run.console import Console
from ecompulse.run.errors import USED_WRONGLY
from ecompulse.run.exposure import must_have_keys_where_open
from ecompulse.run.settings import Settings
from ecompulse.run.sources import Read
from ecompulse.run.wakeup import Wakeup

# A stop takes 5 s at most. The door closes first and commits what it took; processing has the rest to catch up and write its tail.
DRAIN_SECONDS = 4.7
SENDER_DRAIN_SECONDS = 0.8
DOOR_DRAIN_SECONDS = 2.2
LOOK_SECONDS = 1.0  # how often to look for ended children even when no signal said so


@dataclass(slots=True)
class Run:
    """The children of a run, in the order in which they are drained."""

    senders: list[Child]
    doors: list[Child]
    processing: list[Child]

    @property
    def children(self) -> list[Child]:
        """All of them, in the order in which they are started: whoever reads first, whoever sends last."""
        return [*self.processing, *self.doors, *self.senders]


def supervise(read: Read, *, demo: bool = False) -> int:
    """Run everything until a signal ends it.

    Args:
        read: the settings, and what came from flags, for the children.
        demo: also start the synthetic shop, and count its events.

    Returns:
        The exit status: 0 after a drain that was asked for, 2 when a role says that it was set up wrongly.

    Raises:
        Refused: before anything is started, when another run has the folder, a port is taken, or an open port has no keys.
    """
    settings = read.settings
    lock.make_folder(settings.data)
    lock.take(settings.data, "run", "Another `ecompulse run`")
    must_have_keys_where_open(settings)
    ports.must_be_free(settings.collect, "ECOMPULSE_COLLECT")
    ports.must_be_free(settings.serve, "ECOMPULSE_SERVE")
    run = plan(settings, demo=demo)
    environment = {**os.environ, **read.environment()}
    with _signals() as wakeup, Console(settings, wakeup, demo=demo) as console:
        if console.relays:
            # Above a line that says how it goes, only what needs a person is worth a line of its own.
            calm = {"ECOMPULSE_LOG_LEVEL": "warning"} if read.by_default("log_level") else {}
            environment = {"ECOMPULSE_LOG_FORMAT": "text", **calm, **environment}
        status = _watch(run, environment, wakeup, console)
        console.stopping()
        drain(run)
        console.stopped()
    return status


def plan(settings: Settings, *, demo: bool) -> Run:
    """Which children a run has."""
    many = settings.collectors > 1
    doors = [Child(f"collect {n}" if many else "collect", ("collect", "--partition", str(n))) for n in range(settings.collectors)]
    senders = [Child("simulate", ("simulate", "--to", settings.collect.url), forever=False)] if demo else []
    return Run(senders, doors, [Child("process", ("process",))])


def _watch(run: Run, environment: dict[str, str], wakeup: Wakeup, console: Console) -> int:
    """Start what should be up and is not, until a signal says to stop, or a role says that starting it again is of no use."""
    while not wakeup.stop:
        now = time.monotonic()
        for child in run.children:
            status = child.ended(now)
            if status is not None:
                console.ended(child.name, status, child.restart_at - now)
                if status == USED_WRONGLY:
                    return USED_WRONGLY
            ready = child not in run.senders or console.ready
            if child.process is None and ready and not child.done and child.restart_at <= now:
                with _closing(console.relay(child.name)) as stderr:
                    child.start(environment, stderr)
        waiting = [child.restart_at - now for child in run.children if child.process is None and child.restart_at > now]
        wakeup.wait(min([LOOK_SECONDS, *waiting]))
    return 0


def drain(run: Run) -> None:
    """End the children in the order of an event's way, so that what was acknowledged is also in the store when the run has ended."""
    began = time.monotonic()
    _end(run.senders, began + SENDER_DRAIN_SECONDS)
    _end(run.doors, began + DOOR_DRAIN_SECONDS)
    _end(run.processing, began + DRAIN_SECONDS)


def _end(children: Sequence[Child], give_up_at: float) -> None:
    """Ask children to end and wait for it; kill those that take too long: the log has what they had acknowledged."""
    for child in children:
        child.signal(signal.SIGTERM)
    for child in children:
        if child.process is None:
            continue
        try:
            child.process.wait(max(give_up_at - time.monotonic(), 0.01))
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()


@contextlib.contextmanager
def _closing(descriptor: int | None) -> Iterator[int | None]:
    """Give a child its end of a pipe, and keep none here, so that the other end sees when the child has ended."""
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextlib.contextmanager
def _signals() -> Iterator[Wakeup]:
    wakeup = Wakeup()

    def stop(_number: int, _frame: object) -> None:
        wakeup.stop = True

    signal.set_wakeup_fd(wakeup.descriptor, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    try:
        yield wakeup
    finally:
        signal.set_wakeup_fd(-1)
