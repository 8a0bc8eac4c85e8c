"""Errors as problem details (RFC 9457), for people first: what was wrong, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ecompulse.analyze.question import UnknownQuestion
from ecompulse.analyze.wrong import Refused, WrongParameter
from ecompulse.store import QueryError, QueryTimeout


class Problem(Exception):
    """An answer that is an error; `more` are further members of the document."""

    def __init__(
        self, status: int, detail: str, *, title: str | None = None, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status, self.title = status, title or HTTPStatus(status).phrase
        self.headers, self.more = dict(headers or {}), more


def problem_answer(problem: Problem) -> Response:
    """The document of a problem."""
    document = {"type": "about:blank", "title": problem.title, "status": problem.status, "detail": str(problem), **problem.more}
    return Response(msgspec.json.encode(document), problem.status, problem.headers, "application/problem+json")


def as_problem(error: Exception) -> Problem | None:
    """What an error of the rooms upstream means to the asker; None when it is ours."""
    match error:
        case Problem():
            return error
        case WrongParameter():
            return Problem(400, str(error), title="Wrong parameter", parameter=error.parameter)
        case UnknownQuestion():
            return Problem(404, str(error), title="Unknown question")
        case Refused():
            return Problem(400, str(error), title="The query cannot be run")
        case QueryTimeout():
            return Problem(408, f"The answer took too long: {error}.", title="Took too long")
        case QueryError():
            return Problem(400, str(error), title="The query cannot be run")
        case _:
            return None


async def answer_error(_: Request, error: Exception) -> Response:
    """Starlette's handler for every error that `as_problem` knows."""
    known = as_problem(error)
    if known is None:
        raise error
    return problem_answer(known)
