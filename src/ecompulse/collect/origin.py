"""Where a request really comes from: the shopper's address behind proxies, and the shopper's browser."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

from ecompulse.collect.answer import Request

AGENT_LIMIT: Final = 1_024
"""Characters of a User-Agent that are kept; the longest honest ones have 500."""


@lru_cache(maxsize=16_384)  # addresses of visitors now, some 2 MB
def _public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


def client_address(request: Request) -> str | None:
    """The public address that the request comes from, or None.

    `X-Forwarded-For` is believed only from a private peer, which is a proxy of ours; of its entries the last public one is taken, as any
    before it may be made up by the client.
    """
    if _public(request.peer):
        return request.peer
    forwarded = request.headers.get(b"x-forwarded-for")
    if forwarded is None:
        return None
    for entry in reversed(forwarded.decode("latin-1").split(",")[-10:]):  # 10: no sensible way has more proxies
        if _public(entry.strip()):
            return entry.strip()
    return None


def browser(request: Request) -> str | None:
    """The User-Agent where a browser sends for itself; a server's library would only hide whose event it is."""
    agent = request.headers.get(b"user-agent")
    return agent.decode("latin-1")[:AGENT_LIMIT] if agent is not None and agent.startswith(b"Mozilla/") else None
