"""The collector process: puts the parts together, serves until it is told to end, and ends without losing an answer."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import sys
import threading
from functools import partial
from typing import Final

import uvloop

from ecompulse.collect import routes
from ecompulse.collect.commit import Committer, Outcome
from ecompulse.collect.config import Config
from ecompulse.collect.door import Door
from ecompulse.collect.metrics import Meter
from ecompulse.collect.server import Server
from ecompulse.collect.siblings import EVERY_SECONDS, Siblings
from ecompulse.guard.keys import Keys
from ecompulse.guard.privacy import mask_bytes, scrub
from ecompulse.log import Appender
from ecompulse.log.sqlite import SqliteAppender
from ecompulse.observe.logs import logger

SWITCH_SECONDS: Final = 0.0005
"""How long one thread keeps the interpreter while another waits: the usual 5 ms would delay the commit thread after each fsync."""
GC_ALLOCATIONS: Final = 50_000
"""New objects until the garbage collector looks at them: more than a group makes, which are gone when it is answered. The usual 700
had each group walked several times, for a twentieth of all processor time; cycles are rare here, and a connection breaks its own."""
DRAIN_SECONDS: Final = 2.0
"""For answers that are due at the end; `run` waits three seconds before it kills."""
THREAD_DIED: Final = 70  # EX_SOFTWARE of sysexits.h
COMMIT_SECONDS: Final = 0.8
"""For the last group, once nobody can add to it."""

__all__ = ["Collector", "Config", "open_log", "serve"]

_log = logger("collect")


def serve(config: Config) -> int:
    """Serve until SIGTERM or SIGINT; returns 0 when every answer that was due is written and the log is closed.

    Raises:
        LogError: the log cannot be opened, or another process appends to this partition.
        KeysUnreadable: the key file is damaged.
        OSError: the address cannot be bound.
    """
    keys = Keys(config.data)
    log = open_log(config)
    threading.excepthook = _end_process
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(config, keys, log))
    finally:
        log.close()
    return 0


def _end_process(fault: threading.ExceptHookArgs) -> None:
    """End a collector whose commit thread died of a fault: alive it would take requests and never answer; the supervisor starts another."""
    _log.error("thread_died", thread=fault.thread.name if fault.thread is not None else "", reason=repr(fault.exc_value))
    sys.stderr.flush()
    os._exit(THREAD_DIED)


def open_log(config: Config) -> Appender:
    """The appender of this process's partition.

    Raises:
        LogError: it cannot be had.
    """
    return SqliteAppender(config.data / "log", config.partition, config.log_keep_bytes, config.log_file_bytes)


async def _serve(config: Config, keys: Keys, log: Appender) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    door = Collector(config, keys, log)
    port = await door.start()
    _log.info("listening", host=config.host, port=port, partition=log.partition)
    await ended.wait()
    await door.stop()
    _log.info("stopped", partition=log.partition)


class Collector:
    """One door with its server and its committer."""

    def __init__(self, config: Config, keys: Keys, log: Appender) -> None:
        self._config = config
        self.meter = Meter()
        self.committer = Committer(
            log, self._deliver, lambda batch: scrub(batch, config.ip_addresses), lambda body: mask_bytes(body, config.ip_addresses)
        )
        self.door = Door(config, keys, self._health, self._metrics)
        self.server = Server(partial(routes.handle, door=self.door), self.committer, self.meter, config)
        self._siblings = Siblings(config.data, config.partition) if config.collectors > 1 or config.partition else None
        self._telling: asyncio.TimerHandle | None = None

    async def start(self) -> int:
        """Begin to serve; returns the port.

        Raises:
            OSError: the address cannot be bound.
        """
        _allow_connections(self._config.connections_max)
        sys.setswitchinterval(SWITCH_SECONDS)
        port = await self.server.start(self._config.host, self._config.port)
        self.committer.start(asyncio.get_running_loop())
        gc.collect()
        gc.freeze()  # what is here at the start stays: no collection needs to look at it again
        gc.set_threshold(GC_ALLOCATIONS, *gc.get_threshold()[1:])
        if self._siblings is not None:
            self._tell(self._siblings)
        return port

    async def stop(self) -> None:
        """Answer what is due, close every connection, end the committer."""
        await self.server.drain(DRAIN_SECONDS)
        await self.committer.close(COMMIT_SECONDS)
        if self._telling is not None:
            self._telling.cancel()
        if self._siblings is not None:
            self._siblings.leave()

    def _deliver(self, outcome: Outcome) -> None:
        self.meter.committed(outcome)
        self.server.deliver(outcome)

    def _health(self) -> str | None:
        if self.server.draining:
            return "The collector is stopping."
        return None if self.committer.ready else f"The last append to the log failed: {self.committer.failure}"

    def _metrics(self) -> bytes:
        own = self._own_metrics()
        return own if self._siblings is None else self._siblings.joined(own)

    def _own_metrics(self) -> bytes:
        return self.meter.text(len(self.server.connections), self.committer.waiting_events)

    def _tell(self, siblings: Siblings) -> None:
        """Have the other collectors know this one's metrics, once a second."""
        self._telling = asyncio.get_running_loop().call_later(EVERY_SECONDS, self._tell, siblings)
        try:
            siblings.tell(self._own_metrics())
        except OSError as error:  # a full disk has other alerts; scrapes that reach another collector miss this one's figures meanwhile
            _log.debug("metrics_not_told", reason=str(error))


def _allow_connections(wanted: int) -> None:
    """Raise the limit of open files as far as this user may, for `wanted` connections and what else is open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + 256
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed if hard == resource.RLIM_INFINITY else min(needed, hard), hard))
