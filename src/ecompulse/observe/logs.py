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
    common: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        without_personal_data,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if text else "iso", utc=not text),
    ]
    shape = _as_text() if text else _as_json()
    structlog.configure(
        processors=[*common, *shape],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    if role:
        structlog.contextvars.bind_contextvars(role=role)
    _configure_standard_library(level, common, shape)


def _configure_standard_library(level: str, common: list[Any], shape: list[Any]) -> None:
    """Give lines of the standard module the same form. Of libraries only warnings are said: the rest does not concern an operator."""
    handler = logging.StreamHandler(sys.stderr)
    told = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shape]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=told, foreign_pre_chain=common))
    logging.basicConfig(handlers=[handler], level=max(LEVELS[level], logging.WARNING), force=True)
    logging.getLogger("ecompulse").setLevel(LEVELS[level])


def _as_text() -> list[Any]:
    return [structlog.dev.ConsoleRenderer(colors=_colours(), pad_event_to=24, exception_formatter=structlog.dev.plain_traceback)]


def _as_json() -> list[Any]:
    """One line of JSON; tracebacks without the values of variables, which may be personal."""
    traceback = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [structlog.processors.ExceptionRenderer(traceback), structlog.processors.JSONRenderer()]


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
