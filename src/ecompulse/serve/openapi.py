"""/openapi.json (OpenAPI 3.1), made from the table of routes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from ecompulse.analyze.parameters import Parameter
from ecompulse.serve.endpoint import Endpoint

_IN_PATH: Final = re.compile(r"\{(\w+)\}")
_SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "text": {"type": "string"},
    "time": {"type": "string"},
    "list": {"type": "string"},
    "duration": {"type": "string", "pattern": r"^\d+[smhd]$"},
    "integer": {"type": "integer", "minimum": 1},
}
_PROBLEM: Final = {
    "type": "object",
    "required": ["title", "status", "detail"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was wrong, and what to do."},
        "parameter": {"type": "string", "description": "The parameter that was wrong."},
    },
}
_DESCRIPTION: Final = (
    "Questions, SQL, the live stream and the records of a shop's events. "
    "Every answer says up to which event time it is complete (`as_of`). "
    "Money is a decimal text beside its currency, a rate a number from 0 to 1, a time RFC 3339 in UTC. "
    "Errors are problem details (RFC 9457)."
)


def openapi(endpoints: Iterable[Endpoint], version: str) -> dict[str, Any]:
    """The document."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ecompulse analytics", "version": version, "description": _DESCRIPTION},
        "paths": paths,
        "components": {"schemas": {"Problem": _PROBLEM}},
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    words = endpoint.path.removeprefix("/api/").replace("{", "").replace("}", "")
    operation: dict[str, Any] = {
        "operationId": f"{endpoint.method.lower()}-{re.sub(r'[^a-z0-9]+', '-', words).strip('-')}",
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "parameters": [*map(_path_parameter, _IN_PATH.findall(endpoint.path)), *map(_query_parameter, endpoint.parameters)],
        "responses": {"200": {"description": "The answer.", "content": {media: _content(endpoint, media) for media in endpoint.media}}},
    }
    if endpoint.description:
        operation["description"] = endpoint.description
    if endpoint.body:
        content = {"application/json": {"schema": endpoint.body.schema, "example": endpoint.body.example}}
        if endpoint.body.lines:
            content["application/x-ndjson"] = {"schema": {"type": "string", "description": endpoint.body.lines}}
        operation["requestBody"] = {"required": True, "content": content}
    for status in endpoint.errors:
        content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        operation["responses"][str(status)] = {"description": f"{HTTPStatus(status).phrase}.", "content": content}
    return operation


def _content(endpoint: Endpoint, media: str) -> dict[str, Any]:
    schema = {"type": "object"} if media == "application/json" else {"type": "string"}
    return {"schema": schema, "example": endpoint.example} if media == "application/json" and endpoint.example else {"schema": schema}


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query_parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = dict(_SCHEMAS[parameter.type])
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    described = parameter.description + (f" Default: {parameter.default}." if parameter.default else "")
    stated = {"name": parameter.name, "in": "query", "description": described, "schema": schema}
    return {**stated, "example": parameter.example} if parameter.example else stated
