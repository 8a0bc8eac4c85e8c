"""The process role: the engine and its store, with the API and dashboard that ask it, in one process."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import pyarrow as pa
import uvloop

import ecompulse
from ecompulse.analyze.parameters import Shop
from ecompulse.guard.keys import Keys
from ecompulse.log import LogError
from ecompulse.observe import metrics
from ecompulse.observe.logs import logger
from ecompulse.process.engine import Limits
from ecompulse.process.service import Config, Processing
from ecompulse.process.step import Context
from ecompulse.process.steps.country import GeoDatabaseUnreadable, open_database
from ecompulse.process.steps.installed import StepUnusable, load_steps
from ecompulse.process.steps.rates import read_rates
from ecompulse.run.errors import NOT_SO, Refused
from ecompulse.run.letters import Letters
from ecompulse.run.processes import folder_bytes, processes
from ecompulse.run.settings import Settings
from ecompulse.run.values import Address
from ecompulse.serve.app import create_app
from ecompulse.serve.service import serve as serve_app
from ecompulse.serve.state import QueryLimits, ServeState
from ecompulse.store import StoreError
from ecompulse.store.duckdb.carry import Span
from ecompulse.store.duckdb.connect import Options
from ecompulse.store.duckdb.letters import Keep

_log = logger("process")

SWITCH_SECONDS: Final = 0.001
"""How long one thread keeps the interpreter while another waits for it: the API's answers wait behind the engine's rounds."""
GAUGES_SECONDS: Final = 1.0
M_ARENA_MAX: Final = -8
"""The number of the option in glibc's malloc.h; a C library that does not know it passes it over."""
HEAPS_MAX: Final = 2


def serve(settings: Settings) -> int:
    """Process and serve until SIGTERM or SIGINT; returns the exit status, 1 when the engine ended by itself.

    Raises:
        Refused: the store, a step or the rates file cannot be used.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    _use_memory_again()
    try:
        if settings.geo is not None:
            open_database(str(settings.geo))
        processing = Processing(_config(settings), load_steps, _watch)
    except (StoreError, StepUnusable, GeoDatabaseUnreadable, LogError, OSError, ValueError) as error:
        raise Refused(str(error), "`ecompulse doctor` says more.", NOT_SO) from error
    letters = Letters(settings.data, processing, settings.ip_addresses)
    role = _Role(settings, processing)
    state = ServeState(
        store=processing,
        shop=Shop(currency=settings.currency, traffic=settings.traffic),
        limits=QueryLimits(seconds=settings.query_time, rows=settings.query_rows),
        version=ecompulse.__version__,
        loopback=settings.serve.loopback,
        keys=None if settings.serve.loopback else Keys(settings.data),
        collector=settings.collect.url,
        ready=role.not_ready,
        health=role.health,
        metrics=metrics.text,
        mark=lambda: processing.store.positions(),  # noqa: PLW0108  the store changes at a rebuild
        replay=letters.replay,
        letters_keep={"seconds": settings.dead_letters_keep_time, "bytes": settings.dead_letters_keep_bytes},
        rebuild=lambda into, since, until: processing.start_rebuild(into, Span(since, until)).told(),
        rebuilding=lambda: processing.rebuild.told() if processing.rebuild is not None else None,
    )
    beside = (
        threading.Thread(target=role.gauge, name="gauges", daemon=True),
        threading.Thread(target=letters.look_after_marks, args=(role.ended,), name="marks", daemon=True),
    )

    def begin() -> None:  # only when questions are answered: after a crash there is a backlog, and both want the same core
        processing.start()
        for thread in beside:
            thread.start()

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, state, role, begin))
    finally:
        role.ended.set()
        for thread in beside:
            if thread.ident is not None:
                thread.join()
        letters.close()
        healthy = processing.alive
        processing.stop()
        _log.info("stopped", healthy=healthy)
    return 0 if healthy else NOT_SO


def _use_memory_again() -> None:
    """Take Arrow's memory from the system's allocator, and have that keep what is given back in one place.

    Arrow's own pool returns what a round used to the kernel, which clears each page anew for the next one: a tenth of all time. And glibc
    keeps a heap for each thread, up to eight a core: under load those of threads that rested held 400 MB.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if sys.platform == "linux" and mallopt is not None:
        mallopt(M_ARENA_MAX, HEAPS_MAX)


async def _serve(settings: Settings, state: ServeState, role: _Role, begin: Callable[[], None]) -> None:
    stop = asyncio.Event()

    def end() -> None:
        role.stopping = True
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    role.engine_ended = lambda: loop.call_soon_threadsafe(end)
    with _bound(settings.serve) as listening:
        _log.info("listening", host=settings.serve.host, port=listening.getsockname()[1])
        await serve_app(create_app(state), listening, stop, begin)


def _bound(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((address.host, address.port))
    return listening


def _config(settings: Settings) -> Config:
    return Config(
        data=settings.data,
        context=Context(
            reporting_currency=settings.currency,
            default_currency=settings.site_currency,
            rates=read_rates(settings.rates) if settings.rates is not None else {},
            geo_database=str(settings.geo) if settings.geo is not None else None,
            session_inactivity=timedelta(minutes=30),
        ),
        limits=Limits(settings.tail_rows, settings.tail_time),
        store=Options(memory_bytes=settings.query_memory, threads=min(os.cpu_count() or 2, 8)),
        log_keep_seconds=settings.log_keep_time,
        log_keep_bytes=settings.log_keep_bytes,
        letters=Keep(settings.dead_letters_keep_time, settings.dead_letters_keep_bytes),
    )


def _watch(*, events: int, seconds: float) -> None:
    metrics.ROUND_SECONDS.observe(seconds)
    metrics.ROUND_EVENTS.observe(events)


class _Role:
    """What this process says of itself."""

    def __init__(self, settings: Settings, processing: Processing) -> None:
        self._settings, self._processing = settings, processing
        self.stopping = False
        self.ended = threading.Event()
        self.engine_ended: Callable[[], object] = lambda: None

    def not_ready(self) -> str | None:
        """Why requests should go elsewhere; None when they can be answered."""
        if self.stopping:
            return "It is stopping."
        if not self._processing.alive:
            return "The engine has ended; the supervisor starts it again."
        return self._processing.engine.trouble

    def health(self) -> Mapping[str, Any]:
        """Roles, rooms, disk and warnings, for the health page."""
        disk = shutil.disk_usage(self._settings.data)
        trouble = self._processing.engine.trouble
        return {
            "roles": [{**row, "status": "waiting"} if trouble and row["pid"] == os.getpid() else row for row in processes()],
            "rooms": [
                {"name": "log", "queue": self._processing.in_flight(), "lag_seconds": self._processing.lag_seconds()},
                {"name": "store", "queue": self._processing.store.tail_rows, "lag_seconds": self._processing.lag_seconds()},
            ],
            "disk": {
                "folder": str(self._settings.data),
                "log_bytes": folder_bytes(self._settings.data / "log"),
                "store_bytes": folder_bytes(self._settings.data / "stores"),
                "free_bytes": disk.free,
                "total_bytes": disk.total,
            },
            "warnings": [*([trouble] if trouble else []), *self._processing.maintenance.warnings],
        }

    def gauge(self) -> None:
        """Set the gauges every second until the role stops, and end the role when its engine has ended."""
        while not self.ended.wait(GAUGES_SECONDS):
            if not self._processing.alive:
                self.engine_ended()
            for partition, position in self._processing.store.positions().items():
                metrics.POSITION.labels(str(partition)).set(position)
            metrics.LAG_SECONDS.set(self._processing.lag_seconds())
            metrics.TAIL_ROWS.set(self._processing.store.tail_rows)
            metrics.STORE_BYTES.set(self._processing.store.path.stat().st_size)
            metrics.LOG_BYTES.set(folder_bytes(self._settings.data / "log"))
