"""Every request that the door knows, in one table; 404, 405 with its Allow, preflight and /openapi.json follow from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Final

import msgspec

from ecompulse.collect import pages, registry
from ecompulse.collect.answer import Answer, Refused, Request, as_json, problem
from ecompulse.collect.commit import Intake
from ecompulse.collect.dialects import canonical, ga4, pixel, rest, segment, snowplow, topics
from ecompulse.collect.door import Door
from ecompulse.collect.openapi import document

Handler = Callable[[Request, Door], Answer | Intake]


def _description(_request: Request, _door: Door) -> Answer:
    return _openapi()


@cache
def _openapi() -> Answer:
    return as_json(document(ROUTES))


class Route(msgspec.Struct, frozen=True):
    """One line of the table. A path may hold `{names}`, each of which stands for one segment."""

    method: str
    path: str
    handler: Handler
    summary: str
    takes: str = ""
    """The schema of the body, by its name in the OpenAPI document; empty where none is read."""
    answers: tuple[int, ...] = (200,)


SENT: Final = (202, 400, 401, 403, 413, 415, 422, 429, 503)
CLIENT: Final = (200, 400, 401, 403, 413, 415, 429, 503)

ROUTES: Final[tuple[Route, ...]] = (
    Route("POST", "/v1/events", canonical.receive, 'One event, an array, {"events": […]} or NDJSON.', "Events", SENT),
    *(Route("POST", f"/api/events/{kind}", rest.RECEIVE[kind], summary, f"Rest-{kind}", SENT) for kind, summary in rest.SUMMARIES.items()),
    *(Route("POST", f"/v1/{call}", segment.receive_one(call), f"Segment HTTP API: {call}.", "Segment", CLIENT) for call in segment.CALLS),
    Route("POST", "/v1/batch", segment.receive_batch, "Segment HTTP API: batch.", "SegmentBatch", CLIENT),
    Route("POST", "/v1/import", segment.receive_batch, "Segment HTTP API: import, the same as batch.", "SegmentBatch", CLIENT),
    Route("POST", "/topics/{topic}", topics.receive, "Kafka REST Proxy v2: produce JSON records.", "Records", CLIENT),
    Route("POST", snowplow.PATH, snowplow.receive, "Snowplow tracker protocol.", "Payload", CLIENT),
    Route("POST", "/mp/collect", ga4.receive, "GA4 Measurement Protocol.", "Measurement", (204, *CLIENT[1:])),
    Route("GET", "/i", pixel.receive, "An image pixel: the event is in the address.", "", (200, 401, 403, 429, 503)),
    Route("GET", "/ecompulse.js", pages.tracker, "The web tracker.", "", (200, 404)),
    Route("GET", "/subjects", registry.subjects, "Schema registry: the subjects."),
    Route("GET", "/subjects/{subject}/versions", registry.versions, "Schema registry: the versions of a subject.", "", (200, 404)),
    Route("GET", "/subjects/{subject}/versions/{version}", registry.version, "Schema registry: a version of a subject.", "", (200, 404)),
    Route("GET", "/schemas/ids/{id}", registry.schema, "Schema registry: the schema of an id.", "", (200, 404)),
    Route("GET", "/healthz", pages.healthz, "Whether the process lives."),
    Route("GET", "/readyz", pages.readyz, "Whether events can be taken now.", "", (200, 503)),
    Route("GET", "/metrics", pages.metrics, "Metrics in Prometheus' text format."),
    Route("GET", "/actuator/prometheus", pages.metrics, "The same as /metrics."),
    Route("GET", "/openapi.json", _description, "This description."),
    Route("GET", "/", pages.welcome, "Where to go from here."),
)

ALLOWED_HEADERS: Final = "Authorization, Content-Encoding, Content-Type, X-Api-Key"
PREFLIGHT_SECONDS: Final = 86_400
"""How long a browser may remember a preflight: browsers cap it themselves (2 hours to a day)."""

_exact: dict[str, dict[str, Route]] = {}
_patterns: list[tuple[re.Pattern[str], dict[str, Route]]] = []


for _route in ROUTES:
    _exact.setdefault(_route.path, {})[_route.method] = _route
_patterns.extend((re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), _exact.pop(path)) for path in tuple(_exact) if "{" in path)


def handle(request: Request, door: Door) -> Answer | Intake:
    """What a request means: an answer, or events on their way."""
    methods = _exact.get(request.path) or _by_pattern(request.path)
    if methods is None:
        return problem(404, f"There is nothing at {request.path[:200]}; events are taken at POST /v1/events, the rest is in /openapi.json.")
    route = methods.get("GET" if request.method == "HEAD" else request.method)
    if route is None:
        return _preflight(request, methods) if request.method == "OPTIONS" else _not_allowed(request, methods)
    try:
        return route.handler(request, door)
    except Refused as refused:
        return refused.answer


def route_of(path: str) -> str:
    """The table's path for a request's path, or `other`: few values, whatever strangers ask for."""
    if path in _exact:
        return path
    methods = _by_pattern(path)
    return "other" if methods is None else next(iter(methods.values())).path


def _by_pattern(path: str) -> dict[str, Route] | None:
    return next((methods for pattern, methods in _patterns if pattern.fullmatch(path)), None)


def _allowed(methods: dict[str, Route]) -> str:
    return ", ".join(sorted({*methods, "OPTIONS", *(("HEAD",) if "GET" in methods else ())}))


def _not_allowed(request: Request, methods: dict[str, Route]) -> Answer:
    allowed = _allowed(methods)
    return problem(405, f"{request.method[:20]} is not possible at {request.path[:200]}; possible are {allowed}.", (("Allow", allowed),))


def _preflight(request: Request, methods: dict[str, Route]) -> Answer:
    """The answer to a browser that asks whether a page of another origin may send (Fetch standard, CORS-preflight fetch)."""
    allowed = _allowed(methods)
    return Answer(
        204,
        headers=(
            ("Allow", allowed),
            ("Access-Control-Allow-Methods", allowed),
            ("Access-Control-Allow-Headers", request.header(b"access-control-request-headers") or ALLOWED_HEADERS),
            ("Access-Control-Max-Age", str(PREFLIGHT_SECONDS)),
        ),
    )
