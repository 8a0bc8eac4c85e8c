"""What `ecompulse run` shows: a few calm lines, then one that renews itself in a terminal, or ordinary log lines where there is none."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import threading
import time
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import ecompulse
from ecompulse.observe import logs
from ecompulse.run.settings import Settings
from ecompulse.run.sources import mask
from ecompulse.run.values import Address
from ecompulse.run.wakeup import Wakeup

RENEW_SECONDS = 1.0
START_RENEW_SECONDS = 0.25
PROBE_SECONDS = 0.05  # while starting: how often to ask whether the roles are ready
ASK_TIMEOUT_SECONDS = 2.0
SHOP = "simulate"
SHOP_PROGRESS = ("progress:", "simulated:")
CLEAR_LINE = "\r\x1b[2K"
BOLD, DIM, ACCENT, PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[36m", "\x1b[0m"


class Console:
    """The voice of a run. Enter it to start looking at the roles; every method may be called from the supervisor's thread only.

    `ready` becomes true, and the wakeup is rung, when both ports have said that they are.
    """

    def __init__(self, settings: Settings, wakeup: Wakeup, *, demo: bool) -> None:
        self.ready = False
        self._settings = settings
        self._wakeup = wakeup
        self._demo = demo
        self._terminal = sys.stdout.isatty()
        self._ink = _Ink(on=self._terminal and not os.environ.get("NO_COLOR"))
        self._line = ""
        self._writing = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._look, name="console", daemon=True)
        self._began = time.monotonic()
        self._log = logs.logger("run")

    @property
    def relays(self) -> bool:
        """Whether the roles' log lines go through here, so that they do not run into the renewing line."""
        return self._terminal and sys.stderr.isatty()

    def relay(self, name: str) -> int | None:
        """Where a role is to write its log lines: a pipe that is copied above the renewing line, or None for our own standard error.

        The caller closes it once the role has it. The shop's progress is left out: this console has a line of its own for that.
        """
        if not self.relays and name != SHOP:
            return None
        reader, writer = os.pipe()
        threading.Thread(target=self._copy, args=(reader, name), name=f"relay {name}", daemon=True).start()
        return writer

    def __enter__(self) -> Console:
        if self._terminal:
            self._say(start_lines(self._settings, self._ink, demo=self._demo))
        else:
            self._log.info(
                "starting", version=ecompulse.__version__, dashboard=self._settings.serve.url, collector=self._settings.collect.url,
                data=str(self._settings.data), log=mask(self._settings.log), store=mask(self._settings.store), pid=os.getpid(),
            )  # fmt: skip
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ending.set()
        self._thread.join(ASK_TIMEOUT_SECONDS)

    def ended(self, name: str, status: int, restart_in_seconds: float) -> None:
        """A role has ended although nobody asked it to."""
        how = f"signal {-status}" if status < 0 else f"status {status}"
        self._log.warning("role ended", role=name, how=how, restart_in_seconds=round(max(restart_in_seconds, 0), 1))

    def stopping(self) -> None:
        """The drain begins."""
        self._ending.set()
        if self._terminal:
            self._renew("  Stopping: committing what was received …")

    def stopped(self) -> None:
        """The drain is done."""
        if self._terminal:
            self._renew("")
            self._say("  Stopped. Nothing that was acknowledged is lost.\n")
        else:
            self._log.info("stopped")

    def _look(self) -> None:
        addresses, shown_at = (self._settings.collect, self._settings.serve), 0.0
        while not self._ending.wait(PROBE_SECONDS):
            if all(_ask(address, "/readyz") is not None for address in addresses):
                break
            if self._terminal and (now := time.monotonic()) - shown_at > START_RENEW_SECONDS:
                shown_at = now
                self._renew(f"  Starting … {now - self._began:.1f} s")
        if self._ending.is_set():
            return
        self.ready = True
        self._wakeup.now()
        self._log.info("ready", seconds=round(time.monotonic() - self._began, 2)) if not self._terminal else None
        while self._terminal and not self._ending.wait(RENEW_SECONDS):
            self._renew(state_line(_ask(self._settings.serve, "/api/analytics/real-time")))

    def _copy(self, reader: int, name: str) -> None:
        with open(reader, errors="replace") as lines:
            for line in lines:
                if name == SHOP and line.startswith(SHOP_PROGRESS):
                    continue
                with self._writing:
                    sys.stderr.write(f"{CLEAR_LINE}{line}{self._line}" if self.relays else line)
                    sys.stderr.flush()

    def _renew(self, line: str) -> None:
        with self._writing:
            self._line = line[: shutil.get_terminal_size().columns - 1]
            sys.stdout.write(CLEAR_LINE + self._line)
            sys.stdout.flush()

    def _say(self, lines: str) -> None:
        with self._writing:
            sys.stdout.write(lines)
            sys.stdout.flush()


class _Ink:
    """Colours, or none."""

    def __init__(self, *, on: bool) -> None:
        self._on = on

    def __call__(self, style: str, words: str) -> str:
        return f"{style}{words}{PLAIN}" if self._on else words


def start_lines(settings: Settings, ink: _Ink, *, demo: bool) -> str:
    """The lines that one would want in a screenshot."""
    rows = [
        ("Dashboard", ink(ACCENT, settings.serve.url)),
        ("Collector", ink(ACCENT, settings.collect.url + "/v1/events")),
        ("Data", str(settings.data)),
        ("Log, store", f"{_place(settings.log)}, {_place(settings.store)}" + (f", {len(settings.sinks)} sinks" if settings.sinks else "")),
    ]
    if demo:
        rows.append(("Demo", "a synthetic shop sends events, the last forty minutes of them at first"))
    body = "".join(f"  {ink(DIM, label.ljust(11))}{shown}\n" for label, shown in rows)
    name = f"{ink(BOLD, 'ecompulse')} {ecompulse.__version__}"
    how_to_stop = ink(DIM, "Ctrl-C stops it; nothing that was acknowledged is lost.")
    return f"\n  {name}\n\n{body}\n  {how_to_stop}\n\n"


def state_line(live: dict[str, Any] | None) -> str:
    """The renewing line: events a second, visitors, orders, revenue, lag; or that there is no answer."""
    if live is None:
        return "  The dashboard does not answer; it is being started again."
    parts = [
        f"{_number(live.get('events_per_second'), 1)} events/s",
        f"{_number(live.get('active_visitors_5m'))} visitors",
        f"{_number(live.get('orders'))} orders",
        f"{_number(live.get('revenue'), 2)} {live.get('currency') or ''}".rstrip(),
        f"{_number(live.get('lag_seconds'), 2)} s behind",
    ]
    return "  " + " · ".join(parts)


def _number(value: object, places: int = 0) -> str:
    """A figure with grouping; no data is a dash, never 0."""
    try:
        return f"{float(value):,.{places}f}"  # type: ignore[arg-type]  # whatever it is, a failure is a dash
    except (TypeError, ValueError):
        return "–"


def _place(url: str) -> str:
    """A log or store in words: the embedded ones by name, others by their URL without its password."""
    scheme, _, rest = url.partition(":")
    return {"sqlite": "SQLite", "duckdb": "DuckDB"}.get(scheme, scheme) + " (embedded)" if not rest else mask(url)


def _ask(address: Address, path: str) -> dict[str, Any] | None:
    """The JSON of a 200 answer ({} when it is not an object), or None."""
    import http.client  # brings ssl and email: 30 ms for which no role waits here, because this is asked when they have been started

    connection = http.client.HTTPConnection(urlsplit(address.url).hostname or "", address.port, timeout=ASK_TIMEOUT_SECONDS)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status == 200:
            with contextlib.suppress(ValueError):
                found = json.loads(body)
                return found if isinstance(found, dict) else {}
            return {}
    return None
