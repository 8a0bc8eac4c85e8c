"""What the door answers beside taking events: the tracker, health, metrics, and a word of welcome."""

from __future__ import annotations

from functools import cache
from typing import Final

from ecompulse import __version__
from ecompulse.collect.answer import Answer, Request, as_json, problem, unavailable
from ecompulse.collect.door import Door
from ecompulse.observe.metrics import CONTENT_TYPE

TRACKER_SECONDS: Final = 3_600
"""How long browsers keep the tracker: a shop's page should not ask for it at each view, and a fix should arrive within the hour."""


def welcome(_request: Request, _door: Door) -> Answer:
    """Where to go from here."""
    return as_json({"service": "ecompulse collector", "version": __version__, "send": "POST /v1/events", "description": "/openapi.json"})


def healthz(_request: Request, _door: Door) -> Answer:
    """The process lives and answers."""
    return as_json({"status": "ok"})


def readyz(_request: Request, door: Door) -> Answer:
    """Events can be taken; or why not."""
    reason = door.health()
    return as_json({"status": "ready"}) if reason is None else unavailable(reason)


def metrics(_request: Request, door: Door) -> Answer:
    """Prometheus' text."""
    return Answer(200, door.metrics(), CONTENT_TYPE)


def tracker(_request: Request, _door: Door) -> Answer:
    """The web tracker, as built into the package."""
    script = _tracker()
    if script is None:
        return problem(404, "This installation was made without the web tracker; build it with: make sdk-web")
    headers = (("Cache-Control", f"public, max-age={TRACKER_SECONDS}"), ("Cross-Origin-Resource-Policy", "cross-origin"))
    return Answer(200, script, "text/javascript; charset=utf-8", headers)


@cache
def _tracker() -> bytes | None:
    from importlib import resources  # brings tempfile and zipfile: 7 ms for what many collectors never send

    file = resources.files("ecompulse.collect") / "assets" / "ecompulse.js"
    return file.read_bytes() if file.is_file() else None
