"""Handlers of what was received: the ledger, the events in full, and the dead letters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ecompulse.analyze.letter_line import written
from ecompulse.analyze.listing import EVENT_FILTERS, LETTER_FILTERS, events, letter_groups, letters
from ecompulse.serve.api import Api
from ecompulse.serve.asked import only, own_site, parameters, sited, whole
from ecompulse.serve.formats import json_answer
from ecompulse.serve.problem import Problem

PAGE: Final = 100
PAGE_MAX: Final = 1_000
DOWNLOAD_PAGE: Final = 500
"""Letters read at a time: a letter may be as large as a request."""


async def answer_ledger(api: Api, request: Request) -> Response:
    """GET /api/ledger."""
    only(parameters(request))
    store, site = api.state.store, own_site(request)
    return await api.questions.run(lambda: json_answer(store.account(site)))


async def answer_events(api: Api, request: Request) -> Response:
    """GET /api/events."""
    given = sited(request)
    only(given, *EVENT_FILTERS, "limit", "after")
    limit = whole(given, "limit", PAGE, 1, PAGE_MAX)
    return await api.questions.run(lambda: json_answer(events(api.state.store, given, limit)))


async def answer_letters(api: Api, request: Request) -> Response:
    """GET /api/dead-letters."""
    given = sited(request)
    only(given, *LETTER_FILTERS, "replayed", "limit", "after")
    limit, replayed = whole(given, "limit", PAGE, 1, PAGE_MAX), _yes_or_no(given)
    return await api.questions.run(lambda: json_answer(letters(api.state.store, given, limit, replayed=replayed)))


async def answer_reasons(api: Api, request: Request) -> Response:
    """GET /api/dead-letters/reasons."""
    given = sited(request)
    only(given, "site")
    site = given.get("site") or None
    return await api.questions.run(lambda: json_answer({**letter_groups(api.state.store, site), "keep": api.state.letters_keep}))


async def download_letters(api: Api, request: Request) -> Response:
    """GET /api/dead-letters/download: one JSON object a line, read page by page as it is sent."""
    given = sited(request)
    only(given, *LETTER_FILTERS, "replayed", "edit")
    replayed, line = _yes_or_no(given), written if _yes_or_no(given, "edit") else msgspec.json.encode

    async def lines() -> AsyncIterator[bytes]:
        asked = dict(given)
        while True:
            page = await api.questions.run(lambda: letters(api.state.store, asked, DOWNLOAD_PAGE, replayed=replayed))
            for item in page["items"]:
                yield line(item) + b"\n"
            if page["next"] is None:
                return
            asked["after"] = page["next"]

    headers = {"content-disposition": 'attachment; filename="dead-letters.ndjson"', "cache-control": "no-store"}
    return StreamingResponse(lines(), headers=headers, media_type="application/x-ndjson")


def _yes_or_no(given: Mapping[str, str], name: str = "replayed") -> bool | None:
    text = given.get(name) or ""
    if text not in ("", "true", "false"):
        raise Problem(400, f"Parameter '{name}': write true or false.", title="Wrong parameter", parameter=name)
    return {"true": True, "false": False}.get(text)
