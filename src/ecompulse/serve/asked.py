"""What a request says: its parameters, each once, and its JSON body."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.requests import Request

from ecompulse.analyze.wrong import WrongParameter
from ecompulse.serve.problem import Problem

BODY_MAX: Final = 1_000_000
"""Bytes: a statement with its parameters never comes near it."""


def parameters(request: Request, *, without: tuple[str, ...] = ("format",)) -> dict[str, str]:
    """The parameters of the address. Raises `WrongParameter` for one given twice."""
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise WrongParameter(name[:60], "is given twice; give it once.")
        given[name] = value
    return {name: value for name, value in given.items() if name not in without}


def own_site(request: Request) -> str | None:
    """The one site that the request's key may see; None when it may see all."""
    site: str | None = getattr(request.state, "site", None)
    return site


def sited(request: Request, *, without: tuple[str, ...] = ("format",)) -> dict[str, str]:
    """The parameters, with `site` held to what the key may see. Raises `Problem` 403 for another site."""
    given, own = parameters(request, without=without), own_site(request)
    if own is None:
        return given
    if given.get("site") not in (None, "", own):
        raise Problem(403, f"This key can read the site '{own}' only, not '{given['site'][:80]}'.", title="Key not enough")
    return {**given, "site": own}


def whole(given: dict[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole number. Raises `WrongParameter`."""
    text = given.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not least <= int(text) <= most:
        raise WrongParameter(name, f"'{text[:20]}' is no whole number from {least} to {most:,}.")
    return int(text)


def only(given: dict[str, str], *known: str) -> None:
    """Raises `WrongParameter` for a parameter that is not known here."""
    for name in given:
        if name not in known:
            raise WrongParameter(name[:60], f"is not known here; there are {', '.join(known) or 'no parameters'}.")


def media(request: Request) -> str:
    """The type of the body, without its parameters."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


async def whole_body(request: Request, most: int) -> bytes:
    """The body, of at most so many bytes. Raises `Problem` 413."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise Problem(413, f"The body is larger than {most:,} bytes.")
    return bytes(body)


async def json_body(request: Request, most: int = BODY_MAX) -> dict[str, Any]:
    """The JSON object of a request, of at most so many bytes. Raises `Problem` 413, 415 or 400."""
    kind = media(request)
    if kind != "application/json":
        raise Problem(415, f"Send JSON with the header 'content-type: application/json'; this is '{kind[:60] or 'nothing'}'.")
    try:
        content = msgspec.json.decode(await whole_body(request, most))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, f"The body is no JSON: {error}.", title="Unreadable body") from None
    if not isinstance(content, dict):
        raise Problem(400, "The body must be a JSON object.", title="Unreadable body")
    return content
