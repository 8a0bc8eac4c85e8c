"""The handler that sends dead letters through the door again: as they came, corrected at paths, or edited as a whole, as NDJSON too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ecompulse.analyze.letter_line import Edited, Line, Unusable, parsed, read
from ecompulse.analyze.listing import letters_by_id
from ecompulse.analyze.rows import plain
from ecompulse.serve.api import Api
from ecompulse.serve.asked import json_body, media, only, parameters, whole_body
from ecompulse.serve.correct import corrected
from ecompulse.serve.formats import json_answer
from ecompulse.serve.problem import Problem
from ecompulse.serve.state import Letter, Replay, Replayed, ReplayFailed

REPLAY_MAX: Final = 1_000
"""Letters sent again at once: as many as one request to the door usually holds."""
NDJSON: Final = "application/x-ndjson"
BODY_MAX: Final = 32_000_000
"""Bytes: three edited letters as large as a request to the door may be, or a thousand of a usual size many times over."""


async def replay_letters(api: Api, request: Request) -> Response:
    """POST /api/dead-letters/replay."""
    only(parameters(request))
    if media(request) == NDJSON:
        return await _replay_lines(api, await whole_body(request, BODY_MAX))
    body = await json_body(request, BODY_MAX)
    changes = body.get("set") or {}
    if not isinstance(changes, dict):
        raise Problem(400, '\'set\' must be an object of paths and values, such as {"properties.currency": "EUR"}.', parameter="set")
    if body.get("ids") is not None and body.get("letters") is not None:
        raise Problem(400, "Give 'ids' for letters as they came, or 'letters' with their edited bodies, not both.", parameter="letters")
    replay = _replayer(api)
    edited = _edited(body["letters"]) if body.get("letters") is not None else None
    ids = [one.id for one in edited] if edited is not None else _ids(body.get("ids"))

    def job() -> Response:
        rows = {row["id"]: row for row in letters_by_id(api.state.store, ids)}
        if edited is not None:
            return _answer(_replay_edited(replay, rows, edited, changes))
        if missing := sorted(set(ids) - set(rows)):
            raise Problem(404, f"There is no dead letter '{missing[0][:60]}'.", title="Unknown dead letter")
        return _answer(_send(replay, [_letter(rows[one], corrected(one, rows[one]["body"], changes)) for one in ids]))

    return await api.questions.run(job)


async def _replay_lines(api: Api, body: bytes) -> Response:
    """Letters as the download with `edit=true` gives them; a line that holds none does not stop the others."""
    replay, lines = _replayer(api), list(parsed(body.splitlines()))
    numbers = {line.letter.id: line.number for line in lines if line.letter is not None}
    if not lines or len(lines) > REPLAY_MAX:
        raise Problem(
            400, f'There are {len(lines):,} lines; send 1 to {REPLAY_MAX:,} at once, each such as {{"id": "0-17", "event": {{…}}}}.'
        )

    def job() -> Response:
        rows = {row["id"]: row for row in letters_by_id(api.state.store, list(numbers))}
        edited = [line.letter for line in lines if line.letter is not None]
        return _answer(_replay_edited(replay, rows, edited, {}), numbers, [line for line in lines if line.letter is None])

    return await api.questions.run(job)


def _replayer(api: Api) -> Replay:
    if api.state.replay is None:
        detail = "This process cannot reach the log. Use `ecompulse dead-letters replay` where the collector runs."
        raise Problem(501, detail, title="No replay here")
    return api.state.replay


def _ids(ids: Any) -> list[str]:
    if not isinstance(ids, list) or not ids or len(ids) > REPLAY_MAX or not all(isinstance(one, str) for one in ids):
        raise Problem(400, f"'ids' must be a list of 1 to {REPLAY_MAX} ids of dead letters.", parameter="ids")
    return ids


def _edited(items: Any) -> list[Edited]:
    if not isinstance(items, list) or not items or len(items) > REPLAY_MAX:
        raise Problem(
            400, f'\'letters\' must be a list of 1 to {REPLAY_MAX} objects such as {{"id": "0-17", "event": {{…}}}}.', parameter="letters"
        )
    found = []
    for index, item in enumerate(items):
        try:
            found.append(read(msgspec.json.encode(item)))
        except Unusable as error:
            raise Problem(400, f"'letters.{index}' {error}.", parameter=f"letters.{index}") from None
    return found


def _replay_edited(
    replay: Replay, rows: Mapping[str, Mapping[str, Any]], edited: Sequence[Edited], changes: Mapping[str, Any]
) -> list[Replayed]:
    """Send the edited letters; one that is not there, or cannot be corrected, does not stop the others."""
    wrong: list[Replayed] = []
    letters: list[Letter] = []
    for one in edited:
        if one.id not in rows:
            wrong.append(Replayed(one.id, "rejected", "", "is no dead letter here; it may have been let go"))
            continue
        try:
            letters.append(_letter(rows[one.id], corrected(one.id, one.body, changes)))
        except Problem as problem:
            wrong.append(Replayed(one.id, "rejected", "", str(problem)))
    return [*(_send(replay, letters) if letters else []), *wrong]


def _send(replay: Replay, letters: Sequence[Letter]) -> Sequence[Replayed]:
    try:
        return replay(letters)
    except ReplayFailed as error:
        raise Problem(
            503, f"{error}. None was taken; send them again.", title="Cannot be written now", headers={"retry-after": "5"}
        ) from None


def _letter(row: Mapping[str, Any], body: bytes) -> Letter:
    why = (row["field"], row["reason"], row["replayed_at"])
    return Letter(row["id"], row["dialect"], row["site"], row["sender_key"], body, row["body"], *why)


def _answer(outcomes: Sequence[Replayed], numbers: Mapping[str, int] | None = None, unused: Sequence[Line] = ()) -> Response:
    """What became of letters; with the lines that they stood in, where they came as lines."""

    def those(outcome: str) -> list[Replayed]:
        return [one for one in outcomes if one.outcome == outcome]

    def named(one: Replayed) -> dict[str, Any]:
        return {"id": one.id} if numbers is None else {"line": numbers[one.id], "id": one.id}

    accepted, duplicates = those("accepted"), those("duplicate")
    return json_answer(
        {
            "replayed": len(accepted) + len(duplicates),
            "accepted": len(accepted),
            "duplicates": len(duplicates),
            "rejected": [{**named(one), "field": one.field, "reason": one.reason} for one in those("rejected")],
            "already_replayed": [{**named(one), "replayed_at": plain(one.at)} for one in those("already")],
            "events": [{**named(one), "event_id": one.event_id} for one in accepted],
            **({} if numbers is None else {"unused_lines": [{"line": line.number, "reason": line.reason} for line in unused]}),
        }
    )
