"""What the door is asked and what it says: requests, answers and problem details, none of which know the server under them."""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

import msgspec

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"

RETRY_SECONDS: Final = 1
"""What a refused sender is asked to wait: a group commits in milliseconds, so a second is plenty and cheap to come back after."""


class Request(msgspec.Struct, gc=False):
    """One HTTP request, whole. Header names are lower-case bytes; `path` has no query; `query` is raw, without `?`."""

    method: str
    path: str
    query: str
    headers: dict[bytes, bytes]
    body: bytes
    peer: str
    """Address of the other end of the connection, without its port; empty where there is none."""
    received_at_us: int
    """When the last byte of the head was read, microseconds since 1970 (UTC)."""
    decompressed: int = 0
    """Bytes that the body became when its encoding was taken off."""

    def header(self, name: bytes) -> str:
        """The header `name` (lower-case) as text, or an empty string."""
        return self.headers.get(name, b"").decode("latin-1")


class Answer(msgspec.Struct, frozen=True, gc=False):
    """One HTTP answer, before the server adds what belongs to the connection (date, CORS, keep-alive)."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


class Refused(Exception):
    """A request ends here, with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """What the sender is told of one event that was not taken."""

    index: int
    event_id: str | None
    field: str
    """Path of the field; empty: the event as a whole."""
    reason: str


class Verdict(msgspec.Struct, gc=False):
    """What became of the events of one request, once that is durable."""

    accepted: int
    duplicates: int
    rejected: list[Rejected]
    offset: int = 0
    """Of the first event that was written; the request's others follow it in their order."""


def as_json(value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """An answer whose body is `value` as JSON."""
    return Answer(status, msgspec.json.encode(value), JSON, headers)


def problem(status: int, detail: str, headers: tuple[tuple[str, str], ...] = (), **members: Any) -> Answer:
    """Problem details (RFC 9457): the status's own title, what was wrong here, and any further members."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **members}
    return Answer(status, msgspec.json.encode(body), PROBLEM, headers)


def unreadable(why: object) -> Answer:
    """400: the body is not JSON, or of no shape that holds events."""
    return problem(400, f"The body cannot be read: {why}.")


def unavailable(detail: str) -> Answer:
    """503: nothing of the request was kept; send it again."""
    return problem(503, detail, (("Retry-After", str(RETRY_SECONDS)),))


@lru_cache(maxsize=4_096)  # nearly every answer of a running shop is one of a few; 4,096 of them are 1 MB
def taken(accepted: int, duplicates: int) -> Answer:
    """202 for a request without a rejected event."""
    return as_json({"accepted": accepted, "duplicates": duplicates, "rejected": []}, 202)


def verdict_answer(verdict: Verdict) -> Answer:
    """The answer of `/v1/events` and `/api/events/…`: 202, or 422 where every event was rejected."""
    if not verdict.rejected:
        return taken(verdict.accepted, verdict.duplicates)
    if verdict.accepted or verdict.duplicates:
        return as_json({"accepted": verdict.accepted, "duplicates": verdict.duplicates, "rejected": verdict.rejected}, 202)
    first = verdict.rejected[0]
    detail = f"No event was taken. First: {first.reason}" + (f" (at {first.field})" if first.field else "")
    return problem(422, detail, accepted=0, duplicates=0, rejected=verdict.rejected)
