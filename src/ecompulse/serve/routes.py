"""Every request that is answered, as one table; /openapi.json and the router are made from it."""

from __future__ import annotations

from typing import Final

from ecompulse.analyze.listing import EVENT_FILTERS, LETTER_FILTERS
from ecompulse.analyze.parameters import Parameter
from ecompulse.analyze.question import questions
from ecompulse.analyze.real_time import PARAMETERS as REAL_TIME
from ecompulse.analyze.recommend import LIMIT_MAX
from ecompulse.serve.analytics import answer_named, answer_real_time, answer_recommendations, list_questions, question_sql
from ecompulse.serve.endpoint import Body, Endpoint
from ecompulse.serve.formats import ARROW
from ecompulse.serve.query import answer_query, answer_schema
from ecompulse.serve.rebuilding import answer_rebuild, start_rebuild
from ecompulse.serve.records import (
    PAGE,
    PAGE_MAX,
    answer_events,
    answer_ledger,
    answer_letters,
    answer_reasons,
    download_letters,
)
from ecompulse.serve.replaying import REPLAY_MAX, replay_letters
from ecompulse.serve.standing import answer_alive, answer_health, answer_live, answer_metrics, answer_ready

_TABLES: Final = ("application/json", "text/csv", ARROW)
_FORMAT: Final = Parameter("format", "text", "Form of the answer; else as `Accept` says.", "json", ("json", "csv", "arrow"))
_WORDS: Final = {
    "site": "Only this site.",
    "event_type": "Only events of this type.",
    "visitor": "Only this user or device.",
    "session": "Only this session.",
    "q": "Only those that hold this text anywhere; of events also an event's id.",
    "reason": "Only those with this reason.",
    "field": "Only those where this field was wrong.",
    "dialect": "Only those that came in this dialect.",
}
_AFTER: Final = Parameter("after", "text", "`next` of the page before.")
_REPLAYED: Final = Parameter("replayed", "text", "Only those sent again already, or not.", None, ("true", "false"))

_EDIT: Final = Parameter("edit", "text", "Lines to be edited and sent again.", "false", ("true", "false"))


def _filters(names: tuple[str, ...]) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, "text", _WORDS[name]) for name in names)


def _limit(default: int, most: int) -> Parameter:
    return Parameter("limit", "integer", f"Most items, 1 to {most:,}.", str(default))


def _questions() -> tuple[Endpoint, ...]:
    """Each question under its own address, so that its parameters and columns can be looked up."""
    return tuple(
        Endpoint(
            method="GET",
            path=f"/api/analytics/{question.name}",
            answer=answer_named(question.name),
            tag="Questions",
            summary=question.title,
            description=f"{question.description} Columns: "
            + "; ".join(f"`{c.name}` ({c.type}) {c.description[0].lower()}{c.description[1:].rstrip('.')}" for c in question.columns)
            + ".",
            parameters=(*question.parameters, _FORMAT),
            media=_TABLES,
            errors=(400, 408, 503),
            example={
                "as_of": "2026-01-31T12:00:00Z",
                "lag_seconds": 0.06,
                "columns": [column.name for column in question.columns],
                "rows": [],
            },
        )
        for question in questions().values()
    )


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint(
        method="GET",
        path="/api/analytics",
        answer=list_questions,
        tag="Questions",
        summary="The questions",
        description="Each question with its parameters and columns.",
    ),
    Endpoint(
        method="GET",
        path="/api/analytics/real-time",
        answer=answer_real_time,
        tag="Questions",
        summary="Real time",
        description="The shop of the last minutes. `error_rate` is the share of error events; "
        "`conversion_rate` the share of visitors that bought; "
        "`carts_open` the visitors that put something into a cart and did not buy since; "
        "`events_per_second` counts arrivals of the last 10 seconds.",
        parameters=REAL_TIME,
        errors=(400, 408, 503),
    ),
    *_questions(),
    Endpoint(
        method="GET",
        path="/api/analytics/{question}/sql",
        answer=question_sql,
        tag="Questions",
        summary="The SQL of a question",
        description="With the values of its parameters written in, to be read, changed and run; as JSON, statement and parameters apart. "
        "Takes the parameters of the question.",
        media=("text/plain", "application/json"),
        errors=(400, 404),
    ),
    Endpoint(
        method="GET",
        path="/api/recommendations/{user}",
        answer=answer_recommendations,
        tag="Questions",
        summary="Recommendations",
        description="Products for a user, or a device by its anonymous id: what people with a like history bought or viewed, "
        "then what is popular. The user's own last 30 days are compared with those of others, or with the newest half million "
        "views, carts and purchases where there are more. "
        "Columns: product_id, product_name, score (0 to 1), reason.",
        parameters=(_limit(10, LIMIT_MAX), Parameter("site", "text", _WORDS["site"]), _FORMAT),
        media=_TABLES,
        errors=(400, 408, 503),
    ),
    Endpoint(
        method="GET",
        path="/api/live",
        answer=answer_live,
        tag="Live",
        summary="The live stream",
        description="Server-sent events: `figures` (as real-time; up to four times a second when something changed, "
        "else every two seconds), "
        "`ledger`, "
        "`events` (a list of the newest, the oldest first) and `health`. People, pages, products, latency and searches take longer to "
        "count the more came in the last minutes, and may trail: as of `counted_as_of`, null or empty until they were counted once.",
        parameters=(Parameter("site", "text", _WORDS["site"]),),
        media=("text/event-stream",),
        errors=(400, 503),
    ),
    Endpoint(
        method="POST",
        path="/api/query",
        answer=answer_query,
        tag="SQL",
        summary="Ask in SQL",
        description="One reading statement in DuckDB's dialect over the tables of /api/schema, with `$name` parameters. "
        "No writing, no files, no network; "
        "time and rows are limited, and `truncated` says when there were more.",
        parameters=(_FORMAT,),
        media=_TABLES,
        errors=(400, 408, 413, 415, 503),
        body=Body(
            {
                "type": "object",
                "required": ["sql"],
                "properties": {
                    "sql": {"type": "string", "description": "The statement."},
                    "parameters": {"type": "object", "description": "A value for each `$name` in it."},
                },
            },
            {"sql": "select event_type, count(*) from events where timestamp > $since group by 1", "parameters": {"since": "2026-01-01"}},
        ),
        example={"as_of": "2026-01-31T12:00:00Z", "lag_seconds": 0.06, "columns": ["x"], "rows": [[42]], "truncated": False},
    ),
    Endpoint(
        method="GET",
        path="/api/schema",
        answer=answer_schema,
        tag="SQL",
        summary="The tables",
        description="Tables with names and types of their columns.",
    ),
    Endpoint(
        method="GET",
        path="/api/events",
        answer=answer_events,
        tag="Records",
        summary="The newest events",
        description="Events in full, the last received first; fields without a value are left out.",
        parameters=(*_filters(EVENT_FILTERS), _limit(PAGE, PAGE_MAX), _AFTER),
        errors=(400, 408, 503),
    ),
    Endpoint(
        method="GET",
        path="/api/ledger",
        answer=answer_ledger,
        tag="Records",
        summary="The ledger",
        description="What became of every event received: received = stored + duplicates + dead_letters + in_flight; "
        "in all, and by site, dialect, key and type, as the door counted it (received, accepted, rejected) beside what the store says, "
        "with `balanced` where both agree; `groups` has all four together, `positions` how far the store is in each partition of the log.",
        example={
            "received": 8,
            "stored": 6,
            "duplicates": 1,
            "dead_letters": 1,
            "in_flight": 0,
            "balanced": True,
            "as_of": "2026-01-31T12:00:00Z",
            "positions": [{"partition": 0, "received": 8, "position": 8, "waiting": 0}],
            "by_site": [
                {
                    "site": "default",
                    "received": 8,
                    "accepted": 7,
                    "rejected": 1,
                    "stored": 6,
                    "duplicates": 1,
                    "dead_letters": 1,
                    "in_flight": 0,
                    "balanced": True,
                }
            ],
        },
    ),
    Endpoint(
        method="GET",
        path="/api/dead-letters",
        answer=answer_letters,
        tag="Records",
        summary="Dead letters",
        description="Events that were not taken, with the reason and their bytes, the last received first.",
        parameters=(*_filters(LETTER_FILTERS), _REPLAYED, _limit(PAGE, PAGE_MAX), _AFTER),
        errors=(400, 408, 503),
    ),
    Endpoint(
        method="GET",
        path="/api/dead-letters/reasons",
        answer=answer_reasons,
        tag="Records",
        summary="Why events were not taken",
        description="Counts by reason and field, and by dialect; how many letters were let go for their age or for the size of all, "
        "which the ledger still counts; and the limits (`keep`).",
        example={
            "reasons": [
                {
                    "reason": "is required for product_view",
                    "field": "properties.product_id",
                    "count": 8,
                    "last_seen": "2026-01-31T12:00:00Z",
                    "replayed": 1,
                }
            ],
            "dialects": [{"dialect": "canonical", "count": 8}],
            "let_go": [],
            "keep": {"seconds": 2592000, "bytes": 1000000000},
        },
        parameters=_filters(("site",)),
        errors=(400, 503),
    ),
    Endpoint(
        method="GET",
        path="/api/dead-letters/download",
        answer=download_letters,
        tag="Records",
        summary="Download dead letters",
        description="All that match, one JSON object a line. With `edit=true` each line is made to be edited and sent again: "
        "`id`, why it was not taken, and `event` (what is no JSON object is the text `body`, or `body_base64`).",
        parameters=(*_filters(LETTER_FILTERS), _REPLAYED, _EDIT),
        media=("application/x-ndjson",),
    ),
    Endpoint(
        method="POST",
        path="/api/dead-letters/replay",
        answer=replay_letters,
        tag="Records",
        summary="Send dead letters again",
        description=f"Reads up to {REPLAY_MAX:,} letters as the door reads requests: `ids` as they came, or `letters` with edited bodies; "
        "after setting the values of `set` at their paths. What is still wrong is named in `rejected`. A letter becomes one event at most: "
        "one that was replayed before is named in `already_replayed`, and nothing is done, whatever it was edited to. "
        "`events` names the events of the letters that were accepted. Of `ids`, one that is not there is a 404 and none is sent; "
        "of `letters`, it is rejected and the others are sent.",
        body=Body(
            {
                "type": "object",
                "properties": {
                    "ids": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": REPLAY_MAX,
                        "items": {"type": "string"},
                        "description": "Ids of dead letters that are sent as they came.",
                    },
                    "letters": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": REPLAY_MAX,
                        "items": {
                            "type": "object",
                            "required": ["id"],
                            "properties": {
                                "id": {"type": "string", "description": "Id of the dead letter."},
                                "event": {"type": "object", "description": "What is sent in its place; or one of the next two."},
                                "body": {"type": "string", "description": "The same as text, digit by digit."},
                                "body_base64": {"type": "string", "description": "The same as bytes."},
                            },
                        },
                        "description": "In place of `ids`: dead letters with their edited bodies, as the download with `edit=true` "
                        "gives them; other members are passed over.",
                    },
                    "set": {"type": "object", "description": "Path → value; null takes the field out."},
                },
            },
            {"ids": ["0-17"], "set": {"properties.currency": "EUR"}},
            lines="A line of the download with `edit=true`, edited. What became of each is told with its `line`; "
            "lines that hold no letter are named in `unused_lines`.",
        ),
        example={
            "replayed": 1,
            "accepted": 1,
            "duplicates": 0,
            "rejected": [],
            "already_replayed": [],
            "events": [{"id": "0-17", "event_id": "01980f7b-5c9f-7cc1-9d0b-3a6ef2a4b1c8"}],
        },
        errors=(400, 404, 413, 415, 501, 503),
    ),
    Endpoint(
        method="GET",
        path="/api/health",
        answer=answer_health,
        tag="Operation",
        summary="How it stands",
        description="Rooms, roles, lag, disk, warnings.",
    ),
    Endpoint(
        method="POST",
        path="/api/rebuild",
        answer=start_rebuild,
        tag="Operation",
        summary="Rebuild the store from the log",
        description="With today's steps, into a new store, while everything goes on; once caught up it takes the place of the one in use. "
        "With `from` (included) or `to` (not included), dates or times of receipt, only what was received then is made again; all else is "
        "carried over as it is.",
        body=Body(
            {
                "type": "object",
                "required": ["into"],
                "properties": {name: {"type": "string"} for name in ("into", "from", "to")},
            },
            {"into": "2026-11", "from": "2026-11-01", "to": "2026-11-15T12:00:00Z"},
        ),
        errors=(400, 409, 501),
    ),
    Endpoint(method="GET", path="/api/rebuild", answer=answer_rebuild, tag="Operation", summary="How far the rebuild is", errors=(404,)),
    Endpoint(method="GET", path="/healthz", answer=answer_alive, tag="Operation", summary="Alive", errors=()),
    Endpoint(method="GET", path="/readyz", answer=answer_ready, tag="Operation", summary="Ready", errors=(503,)),
    Endpoint(
        method="GET",
        path="/metrics",
        answer=answer_metrics,
        tag="Operation",
        summary="Prometheus metrics",
        media=("text/plain",),
        errors=(503,),
    ),
)
