"""Handlers of users' own SQL, and of the schema that it is written against."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ecompulse.analyze.sandbox import RELATIONS, query
from ecompulse.serve.api import Api
from ecompulse.serve.asked import json_body, only, own_site, parameters
from ecompulse.serve.formats import encode_answer, json_answer, wanted
from ecompulse.serve.problem import Problem


async def answer_query(api: Api, request: Request) -> Response:
    """POST /api/query."""
    only(parameters(request))
    form, body = wanted(request), await json_body(request)
    sql, values = body.get("sql"), body.get("parameters") or {}
    if not isinstance(sql, str):
        raise Problem(400, 'The body needs \'sql\', a text; an example is {"sql": "select count(*) from events"}.', parameter="sql")
    if not isinstance(values, dict):
        raise Problem(400, "'parameters' must be an object of names and values.", parameter="parameters")
    if unknown := sorted(body.keys() - {"sql", "parameters"}):
        raise Problem(400, f"'{unknown[0][:60]}' is not known here; the body holds 'sql' and 'parameters'.", parameter=unknown[0][:60])
    state, site = api.state, own_site(request)

    def job() -> Response:
        found, truncated = query(state.store, sql, values, site=site, rows_max=state.limits.rows, timeout_seconds=state.limits.seconds)
        return encode_answer(found, form, "query", truncated=truncated)

    return await api.queries.run(job)


async def answer_schema(api: Api, request: Request) -> Response:
    """GET /api/schema."""
    only(parameters(request))

    def job() -> Response:
        with api.state.store.snapshot(timeout_seconds=api.state.limits.seconds) as picture:
            tables: list[dict[str, Any]] = []
            for name in RELATIONS:
                columns = picture.query(f"describe {name}", {}).to_pylist()
                tables.append({"name": name, "columns": [{"name": c["column_name"], "type": c["column_type"]} for c in columns]})
        return json_answer({"tables": tables})

    return await api.questions.run(job)
