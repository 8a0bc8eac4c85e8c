"""Handlers of how it stands: liveness, readiness, health, metrics, and the live stream."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ecompulse.observe.metrics import CONTENT_TYPE
from ecompulse.serve.api import Api
from ecompulse.serve.asked import only, own_site, parameters, sited
from ecompulse.serve.formats import json_answer
from ecompulse.serve.live import until_closed
from ecompulse.serve.problem import Problem
from ecompulse.serve.state import ServeState

STARTED: Final = time.monotonic()


def health(state: ServeState) -> dict[str, Any]:
    """How the run stands: what it reports of itself, with this process always among the roles."""
    reason = state.ready()
    return {
        "status": "ok" if reason is None else reason,
        "version": state.version,
        "as_of": state.store.as_of(),
        "lag_seconds": round(state.store.lag_seconds(), 3),
        "collector": state.collector,
        "rooms": [],
        "roles": [{"name": "process", "status": "ok" if reason is None else reason, "pid": os.getpid(),
                   "uptime_seconds": round(time.monotonic() - STARTED, 1), "memory_bytes": _memory_bytes()}],
        "disk": {},
        "warnings": [],
        **state.health(),
    }  # fmt: skip


def _memory_bytes() -> int | None:
    if sys.platform != "linux":
        return None
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def answer_health(api: Api, request: Request) -> Response:
    """GET /api/health."""
    only(parameters(request))
    return await api.questions.run(lambda: json_answer(health(api.state)))


async def answer_alive(_: Api, __: Request) -> Response:
    """GET /healthz."""
    return json_answer({"status": "ok"})


async def answer_ready(api: Api, _: Request) -> Response:
    """GET /readyz."""
    if (reason := api.state.ready()) is not None:
        raise Problem(503, reason, title="Not ready", headers={"retry-after": "1"})
    return json_answer({"status": "ready"})


async def answer_metrics(api: Api, _: Request) -> Response:
    """GET /metrics."""
    text = await api.questions.run(api.state.metrics)
    return Response(text, headers={"content-type": CONTENT_TYPE, "cache-control": "no-store"})


async def answer_live(api: Api, request: Request) -> Response:
    """GET /api/live."""
    given = sited(request)
    only(given, "site")
    chunks = await api.live.listen(given.get("site") or None, confined=own_site(request) is not None)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(until_closed(chunks), headers=headers, media_type="text/event-stream")
