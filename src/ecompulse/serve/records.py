"""Handlers of what was received: the ledger, the events in full, and the dead letters with their replay."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ecompulse.analyze.listing import EVENT_FILTERS, LETTER_FILTERS, events, letters, letters_by_id, reasons
from ecompulse.serve.api import Api
from ecompulse.serve.asked import json_body, only, own_site, parameters, sited, whole
from ecompulse.serve.correct import corrected
from ecompulse.serve.formats import json_answer
from ecompulse.serve.problem import Problem
from ecompulse.serve.state import Letter

PAGE: Final = 100
PAGE_MAX: Final = 1_000
DOWNLOAD_PAGE: Final = 500
"""Letters read at a time: a letter may be as large as a request."""
REPLAY_MAX: Final = 1_000
"""Letters sent again at once: as many as one request to the door usually holds."""


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
    return await api.questions.run(lambda: json_answer({"reasons": reasons(api.state.store, given.get("site") or None)}))


async def download_letters(api: Api, request: Request) -> Response:
    """GET /api/dead-letters/download: one JSON object a line, read page by page as it is sent."""
    given = sited(request)
    only(given, *LETTER_FILTERS, "replayed")
    replayed = _yes_or_no(given)

    async def lines() -> AsyncIterator[bytes]:
        asked = dict(given)
        while True:
            page = await api.questions.run(lambda: letters(api.state.store, asked, DOWNLOAD_PAGE, replayed=replayed))
            for item in page["items"]:
                yield msgspec.json.encode(item) + b"\n"
            if page["next"] is None:
                return
            asked["after"] = page["next"]

    headers = {"content-disposition": 'attachment; filename="dead-letters.ndjson"', "cache-control": "no-store"}
    return StreamingResponse(lines(), headers=headers, media_type="application/x-ndjson")


async def replay_letters(api: Api, request: Request) -> Response:
    """POST /api/dead-letters/replay."""
    only(parameters(request))
    body = await json_body(request)
    ids, changes = body.get("ids"), body.get("set") or {}
    if not isinstance(ids, list) or not ids or len(ids) > REPLAY_MAX or not all(isinstance(one, str) for one in ids):
        raise Problem(400, f"'ids' must be a list of 1 to {REPLAY_MAX} ids of dead letters.", parameter="ids")
    if not isinstance(changes, dict):
        raise Problem(400, '\'set\' must be an object of paths and values, such as {"properties.currency": "EUR"}.', parameter="set")
    replay = api.state.replay
    if replay is None:
        raise Problem(
            501, "This process cannot reach the log. Use `ecompulse dead-letters replay` where the collector runs.", title="No replay here"
        )

    def job() -> Response:
        found = letters_by_id(api.state.store, ids)
        if missing := sorted(set(ids) - {row["id"] for row in found}):
            raise Problem(404, f"There is no dead letter '{missing[0][:60]}'.", title="Unknown dead letter")
        outcomes = replay([_letter(row, changes) for row in found])
        counts = {name: sum(one.outcome == name for one in outcomes) for name in ("accepted", "duplicate")}
        rejected = [{"id": one.id, "field": one.field, "reason": one.reason} for one in outcomes if one.outcome == "rejected"]
        return json_answer(
            {
                "replayed": counts["accepted"] + counts["duplicate"],
                "accepted": counts["accepted"],
                "duplicates": counts["duplicate"],
                "rejected": rejected,
            }
        )

    return await api.questions.run(job)


def _letter(row: Mapping[str, Any], changes: Mapping[str, Any]) -> Letter:
    return Letter(row["id"], row["dialect"], row["site"], row["sender_key"], corrected(row["id"], row["body"], changes))


def _yes_or_no(given: Mapping[str, str]) -> bool | None:
    text = given.get("replayed") or ""
    if text not in ("", "true", "false"):
        raise Problem(400, "Parameter 'replayed': write true or false.", title="Wrong parameter", parameter="replayed")
    return {"true": True, "false": False}.get(text)
