"""The commands dead-letters list, show and replay."""

from __future__ import annotations

import json as json_module
from typing import Annotated, Any

from cyclopts import Parameter

from ecompulse.run import flags
from ecompulse.run.errors import NOT_SO, USED_WRONGLY, Refused
from ecompulse.run.flags import NONE_GIVEN, Given, Json
from ecompulse.run.tables import print_json, print_table

SET = "FIELD=VALUE to correct before, such as properties.currency=EUR; a value that is JSON is taken as that."
REPLAY_AT_ONCE = 500
BODY_SHOWN = 60

_LIST = """
select id, received_at::varchar as received_at, reason, field, dialect, site, event_type, replayed_at::varchar as replayed_at, body
from dead_letters where {where} order by received_at desc, id limit {limit}"""
_NAMES = ("id", "received_at", "reason", "field", "dialect", "site", "event_type", "replayed_at", "body")


def show_all(
    *,
    reason: Annotated[str | None, Parameter(help="Only those whose reason contains this.")] = None,
    field: Annotated[str | None, Parameter(help="Only those rejected for this field, such as properties.product_id.")] = None,
    limit: Annotated[int, Parameter(help="How many, the newest first.")] = 50,
    json: Json = False,
    settings: Given = NONE_GIVEN,
) -> int:
    """List events that were not taken, the newest first: when, why, and how each begins."""
    found = _find(settings, _where(reason, field), limit)
    if json:
        print_json(found)
    else:
        rows = [
            (r["id"], r["received_at"][:19], r["field"], r["reason"], r["replayed_at"] and "replayed", _short(r["body"])) for r in found
        ]
        print_table(("id", "received", "field", "reason", "", "body"), rows, "There are no dead letters: every event received was taken.")
    return 0


def show(letter: str, *, settings: Given = NONE_GIVEN) -> int:
    """Show one dead letter whole, as JSON."""
    found = _find(settings, f"id = {_quoted(letter)}", 1)
    if not found:
        raise Refused(f"There is no dead letter {letter}.", "List them: ecompulse dead-letters list", NOT_SO)
    print_json(found[0])
    return 0


def replay(
    letters: Annotated[list[str] | None, Parameter(help="Ids of dead letters.")] = None,
    /,
    *,
    reason: Annotated[str | None, Parameter(help="All that were not replayed yet and whose reason contains this.")] = None,
    field: Annotated[str | None, Parameter(help="All that were not replayed yet and were rejected for this field.")] = None,
    changes: Annotated[list[str] | None, Parameter(name="--set", negative=(), help=SET)] = None,
    json: Json = False,
    settings: Given = NONE_GIVEN,
) -> int:
    """Send dead letters through the door again, corrected if need be. Each is marked, and never becomes two events.

    Needs the running process of the store (`ecompulse run`). Ends with 1 when some were rejected again.
    """
    from ecompulse.run.asking import call

    if not letters and reason is None and field is None:
        raise Refused("Which dead letters?", "Name ids, or choose with --reason or --field; `ecompulse dead-letters list` shows them.")
    corrections = dict(_change(text) for text in changes or [])
    ids = letters or [row["id"] for row in _find(settings, f"replayed_at is null and {_where(reason, field)}", 100_000)]
    address = flags.read(settings).settings.serve
    accepted, rejected = 0, []
    for start in range(0, len(ids), REPLAY_AT_ONCE):
        answer = call(address, "POST", "/api/dead-letters/replay", {"ids": ids[start : start + REPLAY_AT_ONCE], "set": corrections})
        accepted += answer["replayed"]
        rejected += answer["rejected"]
    if json:
        print_json({"replayed": accepted, "rejected": rejected})
    else:
        print(f"{accepted:,} replayed, {len(rejected):,} rejected again")
        if rejected:
            print_table(("id", "field", "reason"), [(r["id"], r["field"], r["reason"]) for r in rejected], "")
    return NOT_SO if rejected else 0


def _find(settings: flags.SettingFlags, where: str, limit: int) -> list[dict[str, Any]]:
    from ecompulse.run.asking import opened

    with opened(flags.read(settings).settings) as store:
        return [dict(zip(_NAMES, row, strict=True)) for row in store.ask(_LIST.format(where=where, limit=int(limit)))]


def _where(reason: str | None, field: str | None) -> str:
    parts = ([f"contains(reason, {_quoted(reason)})"] if reason else []) + ([f"field = {_quoted(field)}"] if field else [])
    return " and ".join(parts) or "true"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _change(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Refused(f"--set {text}: it is FIELD=VALUE, such as properties.currency=EUR.", "", USED_WRONGLY)
    try:
        return name, json_module.loads(value)
    except ValueError:
        return name, value


def _short(body: str) -> str:
    return body if len(body) <= BODY_SHOWN else body[: BODY_SHOWN - 1] + "…"
