"""Handlers of a rebuild: the store made anew from the log while everything goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ecompulse.serve.api import Api
from ecompulse.serve.asked import json_body, only, parameters
from ecompulse.serve.formats import json_answer
from ecompulse.serve.problem import Problem


async def start_rebuild(api: Api, request: Request) -> Response:
    """POST /api/rebuild."""
    only(parameters(request))
    body = await json_body(request)
    into, rebuild = body.get("into"), api.state.rebuild
    if not isinstance(into, str):
        raise Problem(400, "'into' must be the name of a new store, such as 2026-11.", parameter="into")
    if rebuild is None:
        raise Problem(501, "This process cannot reach the log.", title="No rebuild here")

    def job() -> Mapping[str, Any]:
        try:
            return rebuild(into)
        except ValueError as refused:
            raise Problem(409, f"{refused}.".replace("..", "."), title="Not rebuilt") from None

    return json_answer(await api.questions.run(job))


async def answer_rebuild(api: Api, request: Request) -> Response:
    """GET /api/rebuild."""
    only(parameters(request))
    state = api.state.rebuilding()
    if state is None:
        raise Problem(404, "No rebuild was begun since this process started.", title="No rebuild")
    return json_answer(state)
