"""An answer in the form that was asked for: JSON, CSV or an Arrow stream."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ecompulse.analyze.ask import Answer
from ecompulse.analyze.rows import arrow_stream, csv_text, plain, rows, time_text
from ecompulse.analyze.wrong import WrongParameter

ARROW: Final = "application/vnd.apache.arrow.stream"
FORMATS: Final = {"json": "application/json", "csv": "text/csv", "arrow": ARROW}


def wanted(request: Request) -> str:
    """The name of the format: `format=` first, then `Accept`, else JSON. Raises `WrongParameter`."""
    if named := request.query_params.get("format"):
        if named not in FORMATS:
            raise WrongParameter("format", f"'{named[:20]}' is none of {', '.join(FORMATS)}.")
        return named
    best, found = 0.0, "json"
    for part in request.headers.get("accept", "").split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((_weight(parameter[2:]) for parameter in parameters if parameter.startswith("q=")), 1.0)
        for name, media in FORMATS.items():
            if kind == media and weight > best:
                best, found = weight, name
    return found


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def json_answer(content: Any, status: int = 200) -> Response:
    """Anything as JSON, never cached: figures are of now."""
    return Response(msgspec.json.encode(plain(content)), status, {"cache-control": "no-store"}, "application/json")


def encode_answer(answer: Answer, form: str, name: str, **more: Any) -> Response:
    """A table in the given format; `name` is what a download is called. Costs time by the row: call it where blocking is allowed."""
    headers = {"cache-control": "no-store", "vary": "accept", "x-as-of": time_text(answer.as_of)}
    if form == "json":
        content = {"as_of": time_text(answer.as_of), "lag_seconds": round(answer.lag_seconds, 3), "columns": answer.table.column_names}
        return Response(msgspec.json.encode({**content, "rows": rows(answer.table), **more}), 200, headers, "application/json")
    headers["content-disposition"] = f'attachment; filename="{name}.{form}"'
    if form == "csv":
        return Response(csv_text(answer.table), 200, headers, "text/csv; charset=utf-8; header=present")
    return Response(arrow_stream(answer.table), 200, headers, ARROW)
