"""A door that does nothing: the limit of any door that answers single requests. `granian --interface rsgi bench.noop:answer`."""

from typing import Any

BODY = b'{"accepted":1,"duplicates":0,"rejected":[]}'
HEADERS = [("content-type", "application/json")]


async def answer(scope: Any, protocol: Any) -> None:
    """Read the body, look at nothing, answer what the collector answers."""
    if scope.proto == "http":
        await protocol()
        protocol.response_bytes(202, HEADERS, BODY)
