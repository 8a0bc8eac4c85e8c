"""Answers as bytes of HTTP/1.1 (RFC 9112)."""

from __future__ import annotations

from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from ecompulse.collect.answer import Answer

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}
_BODILESS: Final = frozenset({204, 304})


@lru_cache(maxsize=1_024)  # statuses times lengths of usual bodies; a megabyte at most
def _head(status: int, length: int, content_type: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}"]
    if status not in _BODILESS:
        lines += [f"Content-Type: {content_type}", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, ""]).encode("latin-1")


def render(answer: Answer, date: bytes, origin: bytes | None, close: bool, head_only: bool) -> bytes:
    """The bytes of an answer.

    Args:
        answer: what to say.
        date: the line of `date_line`.
        origin: the request's Origin, which is then allowed to read the answer (no cookie of ours exists that it could ride on).
        close: whether the connection ends with this answer.
        head_only: whether the request was a HEAD.
    """
    parts = [_head(answer.status, len(answer.body), answer.content_type, answer.headers), date]
    if origin is not None:
        parts.append(
            b"Access-Control-Allow-Origin: " + origin + b"\r\nAccess-Control-Allow-Credentials: true\r\n"
            b"Access-Control-Expose-Headers: Retry-After\r\nVary: Origin\r\n"
        )
    parts.append(b"Connection: close\r\n\r\n" if close else b"\r\n")
    if not head_only and answer.status not in _BODILESS:
        parts.append(answer.body)
    return b"".join(parts)


def date_line() -> bytes:
    """The Date header (RFC 9110, 6.6.1) of now."""
    return f"Date: {formatdate(usegmt=True)}\r\n".encode()
