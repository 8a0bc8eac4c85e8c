"""The served application: the router made from the table of routes, the pages, and what surrounds them."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ecompulse.analyze.question import UnknownQuestion
from ecompulse.analyze.wrong import Refused, WrongParameter
from ecompulse.serve.analytics import answer_unknown
from ecompulse.serve.api import Api
from ecompulse.serve.endpoint import Handler
from ecompulse.serve.guards import Guards
from ecompulse.serve.live import Live
from ecompulse.serve.openapi import openapi
from ecompulse.serve.pages import ROUTES, asset_handler, page_handler, read_site
from ecompulse.serve.problem import Problem, answer_error, problem_answer
from ecompulse.serve.routes import ENDPOINTS
from ecompulse.serve.standing import health
from ecompulse.serve.state import ServeState
from ecompulse.store import QueryError

GZIP_FROM_BYTES = 1_000
"""Smaller answers fit a packet as they are."""


def create_app(state: ServeState) -> Starlette:
    """The application over a run's state; `app.state.api` is what `serve.service` closes at the end."""
    api = Api(state, Live(state, lambda: health(state)))
    routes = [*_endpoints(api), *_pages(api)]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(Guards, loopback=state.loopback, keys=state.keys),
            Middleware(GZipMiddleware, minimum_size=GZIP_FROM_BYTES, compresslevel=5),
        ],
        exception_handlers={
            HTTPException: _not_routed,
            **dict.fromkeys((Problem, WrongParameter, UnknownQuestion, Refused, QueryError), answer_error),
            Exception: _unexpected,
        },
    )
    app.state.api = api
    return app


def _endpoints(api: Api) -> list[Route]:
    routes = [_route(api, endpoint.method, endpoint.path, endpoint.answer) for endpoint in ENDPOINTS]
    document = msgspec.json.encode(openapi(ENDPOINTS, api.state.version))

    async def answer_openapi(_: Api, __: Request) -> Response:
        return Response(document, media_type="application/json")

    # a name that is no question comes here, and is told the nearest one
    return [*routes, _route(api, "GET", "/api/analytics/{question}", answer_unknown), _route(api, "GET", "/openapi.json", answer_openapi)]


def _pages(api: Api) -> list[Route]:
    site = read_site()
    pages = [_route(api, "GET", path, page_handler(site, path)) for path in ROUTES]
    return [*pages, _route(api, "GET", "/assets/{name:path}", asset_handler(site))]


def _route(api: Api, method: str, path: str, handler: Handler) -> Route:
    return Route(path, _endpoint(api, handler), methods=[method])


def _endpoint(api: Api, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await handler(api, request)

    return endpoint


async def _not_routed(request: Request, error: Exception) -> Response:
    """404 and 405, which the router raises before any handler is asked."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "")
        return problem_answer(Problem(405, f"{path} takes {allowed}, not {request.method}.", headers={"allow": allowed}))
    near = difflib.get_close_matches(path, [endpoint.path for endpoint in ENDPOINTS] + list(ROUTES), n=1)
    hint = f"Did you mean {near[0]}?" if near else "/docs lists what there is."
    return problem_answer(Problem(error.status_code, f"There is nothing at {path[:200]}. {hint}", headers=error.headers))


async def _unexpected(_: Request, __: Exception) -> Response:
    """Our own mistake: the log has the traceback, the asker a plain answer."""
    return problem_answer(
        Problem(500, "Something went wrong here, and not with the request. The log of the process says what.", title="Our mistake")
    )
