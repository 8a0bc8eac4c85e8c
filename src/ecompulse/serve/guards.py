"""What surrounds every request: who may ask from where, what every answer says, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecompulse.guard.keys import Keys, Role, presented
from ecompulse.observe import metrics
from ecompulse.serve.problem import Problem, problem_answer

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN: Final = frozenset({"/healthz", "/readyz"})
"""What a load balancer asks without a key; it tells nothing of anybody."""
ADMIN: Final = frozenset({"/api/dead-letters/replay", "/api/rebuild"})
"""What changes something."""
HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}


class Guards:
    """ASGI middleware: refuses foreign hosts and origins, adds the headers of every answer, counts and times it."""

    def __init__(self, app: ASGIApp, *, loopback: bool, keys: Keys | None) -> None:
        self._app, self._loopback, self._keys = app, loopback, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                metrics.API_SECONDS.observe(time.perf_counter() - began)
                metrics.API_REQUESTS.labels(str(message["status"])).inc()
            await send(message)

        refused = refusal(scope["method"], Headers(scope=scope), loopback=self._loopback) or self._keyless(scope)
        await (problem_answer(refused) if refused else self._app)(scope, receive, told)

    def _keyless(self, scope: Scope) -> Problem | None:
        """Why the key that a request shows, or does not show, is not enough; else notes which site it may see."""
        path: str = scope["path"]
        if self._keys is None or path in OPEN:
            return None
        shown = presented(dict(scope["headers"]))
        key = self._keys.find(shown) if shown is not None else None
        if key is None:
            detail = "Send a key that can read: as the user of Basic authentication (a browser asks for it), as Bearer, or as X-Api-Key."
            return Problem(401, detail, title="Key needed", headers={"www-authenticate": 'Basic realm="ecompulse", charset="UTF-8"'})
        role: Role = "admin" if path in ADMIN else "read"
        if not key.may(role):
            return Problem(
                403,
                f"The key {key.id} cannot {role}. Use one made by: ecompulse keys create {key.site} --role {role}",
                title="Key not enough",
            )
        scope.setdefault("state", {})["site"] = None if key.may("admin") else key.site
        return None


def refusal(method: str, headers: Mapping[str, str], *, loopback: bool) -> Problem | None:
    """Why a request is not answered: a foreign host (DNS rebinding), or a foreign page that would change something (CSRF)."""
    host = headers.get("host", "")
    if loopback and _name(host) not in OWN_NAMES:
        return Problem(
            421,
            f"This address answers only to localhost, not to '{host[:80]}', because it is bound to loopback. Use http://localhost, "
            "or bind it elsewhere (ECOMPULSE_SERVE) with keys.",
            title="Foreign host",
        )
    if method in SAFE:
        return None
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        return Problem(
            403,
            f"A page of {origin[:80]} may not send this. Send it from a page of this address, or from a program.",
            title="Foreign origin",
        )
    if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return Problem(403, "A page of another address may not send this.", title="Foreign origin")
    return None


def _name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
