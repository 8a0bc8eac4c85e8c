"""The OpenAPI 3.1 document of the door, from its table of routes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from ecompulse import __version__


def document(routes: Iterable[Any]) -> dict[str, Any]:
    """Describe every route."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ecompulse collector", "version": __version__, "description": "The public, write-only door for events."},
        "paths": paths,
        "components": {"schemas": _SCHEMAS, "securitySchemes": _SECURITY},
        "security": [{}, *({name: []} for name in _SECURITY)],
    }


def _operation(route: Any) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "responses": {str(status): _response(status) for status in route.answers},
    }
    parameters = re.findall(r"\{(\w+)\}", route.path)
    if parameters:
        operation["parameters"] = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in parameters]
    if route.takes:
        kinds = ["application/json", *(["application/x-ndjson"] if route.takes == "Events" else [])]
        operation["requestBody"] = {"required": True, "content": {kind: {"schema": _body(route.takes)} for kind in kinds}}
    return operation


def _body(name: str) -> dict[str, Any]:
    if name in _SCHEMAS:
        return {"$ref": f"#/components/schemas/{name}"}
    return {"type": "object", "description": "As the client's own documentation says."}


def _response(status: int) -> dict[str, Any]:
    told: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if status >= 400:
        told["content"] = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    elif status == 202:
        told["content"] = {"application/json": {"schema": {"$ref": "#/components/schemas/Verdict"}}}
    if status in (429, 503):
        told["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return told


_REJECTED: dict[str, Any] = {
    "type": "object",
    "required": ["index", "event_id", "field", "reason"],
    "properties": {
        "index": {"type": "integer", "description": "Place of the event in the request, from 0."},
        "event_id": {"type": ["string", "null"]},
        "field": {"type": "string", "description": "Path of the field, such as properties.items.0.price."},
        "reason": {"type": "string"},
    },
}
_EVENT: dict[str, Any] = {"type": "object", "required": ["event_type"], "properties": {"event_type": {"type": "string"}}}
_SCHEMAS: dict[str, Any] = {
    "Event": _EVENT,
    "Events": {
        "oneOf": [
            {"$ref": "#/components/schemas/Event"},
            {"type": "array", "items": {"$ref": "#/components/schemas/Event"}},
            {
                "type": "object", "required": ["events"],
                "properties": {"events": {"type": "array", "items": {"$ref": "#/components/schemas/Event"}}, "sent_at": {"type": "string"}},
            },
        ]
    },
    "Verdict": {
        "type": "object",
        "required": ["accepted", "duplicates", "rejected"],
        "properties": {
            "accepted": {"type": "integer", "description": "Events durably written, known duplicates not counted."},
            "duplicates": {"type": "integer"},
            "rejected": {"type": "array", "items": _REJECTED},
        },
    },
    "Problem": {
        "type": "object",
        "description": "Problem details, RFC 9457.",
        "required": ["title", "status"],
        "properties": {
            "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
            "rejected": {"type": "array", "items": _REJECTED},
        },
    },
}  # fmt: skip
_SECURITY: dict[str, Any] = {
    "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    "basic": {"type": "http", "scheme": "basic", "description": "The key as user name; no password."},
    "bearer": {"type": "http", "scheme": "bearer"},
}
