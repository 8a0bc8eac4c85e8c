"""Structured log lines: text in a terminal, JSON elsewhere, to standard error, and nothing personal in them."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

# What may identify a person. A program log is kept and copied without the care that events get, so these never reach it.
PERSONAL = frozenset(
    {"user_id", "anonymous_id", "session_id", "ip_address", "user_agent", "email", "page_url", "referrer", "body", "query"}
)


def configure(level: str = "info", form: str = "auto", role: str = "") -> None:
    """Set up logging for this process; call it once, at the start of a command.

    Args:
        level: debug, info, warning or error.
        form: text, json, or auto (text when standard error is a terminal).
        role: the name of this process in every line, such as collect.
    """
    text = form == "text" or (form == "auto" and sys.stderr.isatty())
    shape: list[Any]
    if text:
        shape = [structlog.dev.ConsoleRenderer(colors=_colours(), pad_event_to=24, exception_formatter=structlog.dev.plain_traceback)]
    else:
        shape = [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            without_personal_data,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if text else "iso", utc=not text),
            *shape,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    if role:
        structlog.contextvars.bind_contextvars(role=role)
    # Libraries speak through the standard module; only their warnings concern an operator.
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s", force=True)


def logger(room: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of a room; its lines carry the room's name."""
    found: structlog.typing.FilteringBoundLogger = structlog.get_logger(room=room)
    return found


def without_personal_data(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop what may identify a person, whoever put it into a line."""
    for name in PERSONAL & line.keys():
        line[name] = "(not logged)"
    return line


def _colours() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")
