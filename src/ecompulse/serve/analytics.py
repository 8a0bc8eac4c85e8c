"""Handlers of questions: the list, an answer, its SQL, the real-time object, recommendations."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ecompulse.analyze.ask import ask
from ecompulse.analyze.literal import written_out
from ecompulse.analyze.parameters import bind
from ecompulse.analyze.question import Question, UnknownQuestion, question_named, questions
from ecompulse.analyze.real_time import PARAMETERS, parse, real_time
from ecompulse.analyze.recommend import LIMIT_MAX, recommend
from ecompulse.analyze.rows import plain
from ecompulse.analyze.settled import settled
from ecompulse.serve.api import Api
from ecompulse.serve.asked import only, parameters, sited, whole
from ecompulse.serve.formats import encode_answer, json_answer, wanted


async def list_questions(_: Api, request: Request) -> Response:
    """GET /api/analytics."""
    only(parameters(request))
    listed = [
        {"name": q.name, "title": q.title, "description": q.description, "parameters": q.parameters, "columns": q.columns}
        for q in questions().values()
    ]
    real = {
        "name": "real-time",
        "title": "Real time",
        "description": "The shop of the last minutes, as one object.",
        "parameters": PARAMETERS,
        "columns": [],
    }
    return Response(msgspec.json.encode({"questions": [*listed, real]}), media_type="application/json")


def answer_named(name: str) -> Callable[[Api, Request], Awaitable[Response]]:
    """GET /api/analytics/{question}, for one question."""
    question = question_named(name)

    async def answer(api: Api, request: Request) -> Response:
        asked, form, state = sited(request), wanted(request), api.state

        def job() -> Response:
            return encode_answer(ask(state.store, question, asked, state.shop, state.limits.seconds), form, question.name)

        return await api.questions.run(job)

    return answer


async def answer_unknown(_: Api, request: Request) -> Response:
    """GET /api/analytics/{question}, for every other name: it is told the nearest one."""
    raise UnknownQuestion(request.path_params["question"], (*questions(), "real-time"))


async def question_sql(api: Api, request: Request) -> Response:
    """GET /api/analytics/{question}/sql."""
    question, asked = question_named(request.path_params["question"]), sited(request, without=())
    values = bind(question.parameters, question.bound, asked, api.state.shop, datetime.now(UTC))
    sql = settled(question.sql, values).strip()
    if "application/json" in request.headers.get("accept", ""):
        named = set(re.findall(r"\$(\w+)", sql))
        left = {name: value for name, value in plain(values).items() if name in named}  # a query refuses what it does not use
        return json_answer({"question": question.name, "sql": sql, "parameters": left})
    return Response(_titled(question) + written_out(sql, values), media_type="text/plain", headers={"vary": "accept"})


def _titled(question: Question) -> str:
    return f"-- {question.title}: {question.description}\n"


async def answer_real_time(api: Api, request: Request) -> Response:
    """GET /api/analytics/real-time."""
    state = api.state
    asked = parse(sited(request), state.shop)
    return await api.questions.run(lambda: json_answer(real_time(state.store, asked, state.shop, state.limits.seconds)))


async def answer_recommendations(api: Api, request: Request) -> Response:
    """GET /api/recommendations/{user}."""
    given, form = sited(request), wanted(request)
    only(given, "limit", "site")
    limit, user, store = whole(given, "limit", 10, 1, LIMIT_MAX), request.path_params["user"], api.state.store
    return await api.questions.run(
        lambda: encode_answer(recommend(store, user, site=given.get("site") or None, limit=limit), form, "recommendations")
    )
