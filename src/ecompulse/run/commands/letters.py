"""The commands dead-letters list, show, export and replay."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Iterator
from typing import Annotated, Any

from cyclopts import Parameter

from ecompulse.run import flags
from ecompulse.run.errors import NOT_SO, USED_WRONGLY, Refused
from ecompulse.run.flags import NONE_GIVEN, Given, Json
from ecompulse.run.tables import print_json, print_table

SET = "FIELD=VALUE to correct before, such as properties.currency=EUR; a value that is JSON is taken as that."
FILE = "Lines of `dead-letters export`, edited: each letter is sent with the event of its line. - is standard input."
BODY_SHOWN = 60
Reason = Annotated[str | None, Parameter(help="Only those whose reason contains this.")]
Field = Annotated[str | None, Parameter(help="Only those rejected for this field, such as properties.product_id.")]
Dialect = Annotated[str | None, Parameter(help="Only those that came in this dialect, such as segment.")]
EXPORTED_MAX = 100_000
"""Letters: what a query may return, unless ECOMPULSE_QUERY_ROWS says otherwise."""
EXPORTED_AT_ONCE = 500
EXPORTED_BYTES = 8_000_000
"""Bytes of bodies that are asked for at once, unless a single one is larger."""

_NAMES = (
    "id", "received_at", "reason", "field", "dialect", "site", "sender_key", "event_id", "event_type", "replayed_at", "body", "body_base64",
)  # fmt: skip
_LIST = """
select id, received_at::varchar, reason, field, dialect, site, sender_key, event_id, event_type, replayed_at::varchar, body,
    to_base64(body_bytes)
from dead_letters where {where} order by received_at desc, id limit {limit}"""
_GROUPED_NAMES = ("reason", "field", "waiting", "replayed", "last_received_at")
_GROUPED = """
select reason, field, count(*) - count(replayed_at) as waiting, count(replayed_at) as replayed, max(received_at)::varchar
from dead_letters where {where} group by reason, field order by count(*) desc, reason, field limit {limit}"""
_SIZES = "select id, strlen(body) from dead_letters where {where} order by received_at desc, id limit {limit}"
_WHOLE_NAMES = ("id", "reason", "field", "dialect", "received_at", "body", "body_base64")
_WHOLE = """
select id, reason, field, dialect, strftime(received_at, '%Y-%m-%dT%H:%M:%S.%fZ'), body, to_base64(body_bytes)
from dead_letters where id in ({ids}) order by received_at desc, id"""


def show_all(
    *,
    reason: Reason = None,
    field: Field = None,
    dialect: Dialect = None,
    by_reason: Annotated[bool, Parameter(negative=(), help="Count them by reason and field instead.")] = False,
    limit: Annotated[int, Parameter(help="How many, the newest first.")] = 50,
    json: Json = False,
    settings: Given = NONE_GIVEN,
) -> int:
    """List events that were not taken, the newest first: when, why, and how each begins."""
    from ecompulse.run.asking import opened

    where, empty = _where(reason, field, dialect), "There are no dead letters: every event received was taken."
    if by_reason:
        with opened(flags.read(settings).settings) as store:
            groups = store.ask(_GROUPED.format(where=where, limit=int(limit)))
        if json:
            print_json([dict(zip(_GROUPED_NAMES, group, strict=True)) for group in groups])
        else:
            print_table(("reason", "field", "waiting", "replayed", "last received"), [(*g[:4], g[4][:19]) for g in groups], empty)
        return 0
    found = _find(settings, where, limit)
    if json:
        print_json(found)
    else:
        rows = [
            (r["id"], r["received_at"][:19], r["field"], r["reason"], r["replayed_at"] and "replayed", _short(r["body"])) for r in found
        ]
        print_table(("id", "received", "field", "reason", "", "body"), rows, empty)
    return 0


def show(letter: str, *, settings: Given = NONE_GIVEN) -> int:
    """Show one dead letter whole, as JSON."""
    found = _find(settings, f"id = {_quoted(letter)}", 1)
    if not found:
        raise Refused(f"There is no dead letter {letter}.", "List them: ecompulse dead-letters list", NOT_SO)
    print_json(found[0])
    return 0


def export(
    *,
    reason: Reason = None,
    field: Field = None,
    dialect: Dialect = None,
    limit: Annotated[int, Parameter(help="How many at most, the newest first.")] = EXPORTED_MAX,
    settings: Given = NONE_GIVEN,
) -> int:
    """Write dead letters that were not replayed yet as NDJSON to be edited: a line is `id`, why it was not taken, and `event`.

    Correct the events and send them: ecompulse dead-letters replay --file letters.ndjson
    """
    from ecompulse.analyze.letter_line import written
    from ecompulse.run.asking import opened

    where, count = f"replayed_at is null and {_where(reason, field, dialect)}", 0
    with opened(flags.read(settings).settings) as store:
        ((found,),) = store.ask(f"select count(*) from dead_letters where {where}")
        for letter in _whole(store, where, limit):
            sys.stdout.buffer.write(written(letter) + b"\n")
            count += 1
    sys.stdout.buffer.flush()
    print(f"{count:,} of {int(found):,} dead letters that were not replayed yet are written.", file=sys.stderr)
    return 0


def replay(
    letters: Annotated[list[str] | None, Parameter(help="Ids of dead letters.")] = None,
    /,
    *,
    file: Annotated[str | None, Parameter(help=FILE, allow_leading_hyphen=True)] = None,
    reason: Annotated[str | None, Parameter(help="All that were not replayed yet and whose reason contains this.")] = None,
    field: Annotated[str | None, Parameter(help="All that were not replayed yet and were rejected for this field.")] = None,
    changes: Annotated[list[str] | None, Parameter(name="--set", negative=(), help=SET)] = None,
    json: Json = False,
    settings: Given = NONE_GIVEN,
) -> int:
    """Send dead letters through the door again, corrected if need be. Each is marked, and never becomes two events.

    Needs the running process of the store (`ecompulse run`). Ends with 1 when some were rejected again, or lines of the file were not used.
    """
    from ecompulse.run import letter_file
    from ecompulse.run.replayed import Sent, send_edited, send_ids, told

    if file is not None and (letters or reason is not None or field is not None):
        raise Refused("--file says which letters are sent.", "Leave out ids, --reason and --field, or the file.")
    if file is None and not letters and reason is None and field is None:
        raise Refused("Which dead letters?", "Name ids, or choose with --reason or --field; `ecompulse dead-letters list` shows them.")
    corrections = dict(_change(text) for text in changes or [])
    address, sent = flags.read(settings).settings.serve, Sent()
    try:
        if file is not None:
            send_edited(address, letter_file.lines(file), corrections, sent)
        else:
            send_ids(address, letters or _waiting(settings, _where(reason, field)), corrections, sent)
    except Refused:
        if sent != Sent():  # the API ended in the middle: what was sent is sent
            told(sent, json=json)
        raise
    told(sent, json=json)
    return NOT_SO if sent.rejected or sent.unused else 0


def _waiting(settings: flags.SettingFlags, where: str) -> list[str]:
    from ecompulse.run.asking import opened

    with opened(flags.read(settings).settings) as store:
        return [row[0] for row in store.ask(f"select id from dead_letters where replayed_at is null and {where} limit {EXPORTED_MAX}")]


def _find(settings: flags.SettingFlags, where: str, limit: int) -> list[dict[str, Any]]:
    from ecompulse.run.asking import opened

    with opened(flags.read(settings).settings) as store:
        return [dict(zip(_NAMES, row, strict=True)) for row in store.ask(_LIST.format(where=where, limit=int(limit)))]


def _whole(store: Any, where: str, limit: int) -> Iterator[dict[str, Any]]:
    """Letters with their bytes, some megabytes at a time."""
    group: list[str] = []
    size = 0
    for letter, length in [*store.ask(_SIZES.format(where=where, limit=int(limit))), (None, 0)]:
        if group and (letter is None or size + length > EXPORTED_BYTES or len(group) == EXPORTED_AT_ONCE):
            for row in store.ask(_WHOLE.format(ids=", ".join(_quoted(one) for one in group))):
                yield dict(zip(_WHOLE_NAMES, row, strict=True))
            group, size = [], 0
        group, size = [*group, letter], size + length


def _where(reason: str | None, field: str | None, dialect: str | None = None) -> str:
    parts = [f"contains(reason, {_quoted(reason)})"] if reason else []
    parts += [f"{name} = {_quoted(value)}" for name, value in (("field", field), ("dialect", dialect)) if value]
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
