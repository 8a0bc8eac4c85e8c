"""Handlers of a rebuild: the store made anew from the log while everything goes on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from ecompulse.analyze.time_range import instant
from ecompulse.analyze.wrong import WrongParameter
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
    for name in body:
        if name not in ("into", "from", "to"):
            raise WrongParameter(name[:60], "is not known here; there are into, from, to.")
    since, until = _moment(body, "from"), _moment(body, "to")
    if since is not None and since > datetime.now(UTC):
        raise WrongParameter("from", f"'{body['from'][:60]}' is in the future.")
    if since is not None and until is not None and since >= until:
        raise WrongParameter("from", f"{since.isoformat()} is not before 'to', {until.isoformat()}.")
    if rebuild is None:
        raise Problem(501, "This process cannot reach the log.", title="No rebuild here")

    def job() -> Mapping[str, Any]:
        try:
            return rebuild(into, since, until)
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


def _moment(body: Mapping[str, Any], name: str) -> datetime | None:
    """A date (midnight in UTC) or a time of the body; None where it is left out. Raises `WrongParameter`."""
    text = body.get(name)
    if text is None:
        return None
    if not isinstance(text, str):
        raise WrongParameter(name, "must be text: a date such as 2026-01-31 or a time such as 2026-01-31T12:00:00Z.")
    return instant(name, text, ZoneInfo("UTC"))
