"""What a route is: method and path, who answers, and the words from which /openapi.json is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from ecompulse.analyze.parameters import Parameter
from ecompulse.serve.api import Api

Handler = Callable[[Api, Request], Awaitable[Response]]


class Body(Struct, frozen=True):
    """A JSON body: its JSON Schema and an example."""

    schema: dict[str, Any]
    example: dict[str, Any]
    lines: str | None = None
    """What each line is of the same as NDJSON; None when that is not taken."""


class Endpoint(Struct, frozen=True, kw_only=True):
    """One request that is answered."""

    method: str
    path: str
    answer: Handler
    tag: str
    summary: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    media: tuple[str, ...] = ("application/json",)
    """What it can answer with."""
    example: Any = None
    errors: tuple[int, ...] = (400,)
    """Statuses of the problems that it may answer with."""
