"""Lists that are read from the newest on: events in full, and dead letters."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from ecompulse.analyze.active import active
from ecompulse.analyze.cursor import UUID, before, cursor
from ecompulse.analyze.reading import Readable
from ecompulse.analyze.rows import plain
from ecompulse.analyze.settled import settled
from ecompulse.analyze.statement import answered, statement
from ecompulse.store import Snapshot

SECONDS: Final = 10.0
"""A list is looked at while it loads; a search that takes longer is better asked in SQL."""
SPANS: Final = tuple(timedelta(minutes=10) * 4**step for step in range(6))
"""How far back the newest events are looked for, step by step until there are enough, from ten minutes to a week: what is older is mostly
not read at all. A step that finds nothing takes 2.5 ms, and each is no longer than three times what was passed over, however long the shop
has been silent."""
_JSON_COLUMNS: Final = ("properties", "metadata", "extra")
LETTER_FILTERS: Final = ("reason", "field", "dialect", "site", "event_type", "q")
EVENT_FILTERS: Final = ("site", "event_type", "visitor", "session", "q")


def events(store: Readable, asked: Mapping[str, str], limit: int) -> dict[str, Any]:
    """The newest events that match, each without what it does not have: `{"items": […], "next": cursor or null}`.

    `asked` may hold `EVENT_FILTERS` and the cursor `after`; a `q` that is an event's id finds that event. Raises `WrongParameter`.
    """
    values: dict[str, Any] = {name: asked.get(name) or None for name in EVENT_FILTERS}
    values |= {**before(asked.get("after"), UUID), "event_id": None}
    if values["q"] and UUID.fullmatch(values["q"]):
        values |= {"event_id": values["q"], "q": None}
    found: list[dict[str, Any]] = []
    with store.snapshot(SECONDS) as picture:
        values |= {"people": [values["visitor"]] if values["visitor"] else []}
        values |= _when(picture, values)
        for until, since in itertools.pairwise(_edges(values)):
            values |= {"since": since, "until": until, "limit": limit + 1 - len(found)}
            found += answered(picture, "events-found", values).to_pylist()
            if len(found) > limit:
                break
        rows = _in_full(picture, found)
    return _page(rows, limit, "event_id", _event)


def _when(picture: Snapshot, values: Mapping[str, Any]) -> dict[str, list[datetime]]:
    """The spans of time in which the visitor or the session that is asked for was active."""
    if values["session"]:
        return active(picture, session=values["session"])
    return active(picture, people=values["people"]) if values["people"] else {"began": [], "ended": []}


def _in_full(picture: Snapshot, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """These events with all their columns and their visitor, in the same order."""
    if not found:
        return []
    values = {"first": found[-1]["received_at"], "last": found[0]["received_at"], "ids": [str(row["event_id"]) for row in found]}
    rows: list[dict[str, Any]] = picture.query(settled(statement("events"), values), values).to_pylist()
    return rows


def _edges(values: Mapping[str, Any]) -> tuple[datetime | None, ...]:
    """The times between the steps in which events are looked for, from the newest on; none where there are no events to be found."""
    if values["session"] or values["visitor"]:
        return (None, None) if values["began"] else ()
    newest = values["before"] or datetime.now(UTC)
    return (None, *(newest - span for span in SPANS), None)


def letters(store: Readable, asked: Mapping[str, str], limit: int, *, replayed: bool | None = None) -> dict[str, Any]:
    """The newest dead letters that match, in the same form; `body` is what came, as text, `body_base64` is there where it is no text."""
    values = {**{name: asked.get(name) or None for name in LETTER_FILTERS}, **before(asked.get("after"))}
    return _page(_ask(store, "dead-letters", {**values, "ids": None, "replayed": replayed, "limit": limit + 1}), limit, "id", _letter)


def letters_by_id(store: Readable, ids: Sequence[str]) -> list[dict[str, Any]]:
    """These dead letters as rows, with `body` as bytes."""
    nothing = dict.fromkeys(("reason", "field", "dialect", "site", "event_type", "q", "before", "before_id", "replayed"))
    rows = _ask(store, "dead-letters", {**nothing, "ids": list(ids), "limit": len(ids)})
    return [{**row, "body": row["body_bytes"] if row["body_bytes"] is not None else row["body"].encode()} for row in rows]


def letter_groups(store: Readable, site: str | None) -> dict[str, list[dict[str, Any]]]:
    """How many dead letters there are: `reasons` by reason and field, the most frequent first; `dialects`; and `let_go` by cause."""
    statements = {"reasons": "dead-letter-reasons", "dialects": "dead-letter-dialects", "let_go": "dead-letters-let-go"}
    with store.snapshot(SECONDS) as picture:
        return {name: plain(picture.query(statement(file), {"site": site}).to_pylist()) for name, file in statements.items()}


def _ask(store: Readable, name: str, values: Mapping[str, object]) -> list[dict[str, Any]]:
    with store.snapshot(SECONDS) as picture:
        rows: list[dict[str, Any]] = picture.query(statement(name), values).to_pylist()
        return rows


def _page(rows: list[dict[str, Any]], limit: int, key: str, show: Any) -> dict[str, Any]:
    more = cursor(rows[limit - 1]["received_at"], rows[limit - 1][key]) if len(rows) > limit else None
    return {"items": [show(row) for row in rows[:limit]], "next": more}


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: plain(value) for name, value in row.items() if value is not None}
    for name in _JSON_COLUMNS:
        if name in shown:
            shown[name] = msgspec.json.decode(shown[name])
    return shown


def _letter(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: plain(value) for name, value in row.items() if name != "body_bytes"}
    return shown if row["body_bytes"] is None else {**shown, "body_base64": msgspec.to_builtins(row["body_bytes"])}
