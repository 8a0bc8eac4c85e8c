"""Structured log lines: text in a terminal, JSON elsewhere, to standard error, and nothing personal in them.

The standard module does it: a library for it brings what shows tracebacks in colour, which took 0.15 s and 10 MB of each process.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

# What may identify a person. A program log is kept and copied without the care that events get, so these never reach it.
PERSONAL = frozenset(
    {"user_id", "anonymous_id", "session_id", "ip_address", "user_agent", "email", "page_url", "referrer", "body", "query"}
)
EVENT_WIDTH: Final = 24
"""Of text: what follows is aligned for most events."""
COLOURS: Final = {"debug": "\x1b[2m", "info": "\x1b[32m", "warning": "\x1b[33m", "error": "\x1b[31m", "critical": "\x1b[31m"}
PLAIN: Final = "\x1b[0m"


def configure(level: str = "info", form: str = "auto", role: str = "") -> None:
    """Set up logging for this process; call it once, at the start of a command.

    Of libraries only warnings are said: the rest does not concern an operator.

    Args:
        level: debug, info, warning or error.
        form: text, json, or auto (text when standard error is a terminal).
        role: the name of this process in every line, such as collect.
    """
    terminal = sys.stderr.isatty()
    text = form == "text" or (form == "auto" and terminal)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Text(role, colours=terminal and not os.environ.get("NO_COLOR")) if text else _Json(role))
    logging.basicConfig(handlers=[handler], level=max(LEVELS[level], logging.WARNING), force=True)
    logging.getLogger("ecompulse").setLevel(LEVELS[level])


class Logger:
    """Says what happened, and the values that belong to it as fields of their own."""

    def __init__(self, room: str) -> None:
        self._room, self._logger = room, logging.getLogger(f"ecompulse.{room}")

    def debug(self, event: str, **fields: object) -> None:
        """What only a developer asks for."""
        self._say(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        """What is as it should be."""
        self._say(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """What an operator may have to act on."""
        self._say(logging.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        """What failed."""
        self._say(logging.ERROR, event, fields)

    def exception(self, event: str, **fields: object) -> None:
        """What failed by the exception that is being handled, with its traceback."""
        self._say(logging.ERROR, event, fields, traceback=True)

    def _say(self, level: int, event: str, fields: dict[str, object], *, traceback: bool = False) -> None:
        self._logger.log(level, event, extra={"fields": {"room": self._room, **fields}}, exc_info=traceback)


def logger(room: str) -> Logger:
    """The logger of a room; its lines carry the room's name."""
    return Logger(room)


def without_personal_data(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields, without what may identify a person, whoever put it into a line."""
    return {name: "(not logged)" if name in PERSONAL else value for name, value in fields.items()}


class _Shape(logging.Formatter):
    """What both forms share: which fields a line has. Lines of the standard module have no more of their own than their text."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = {"role": role} if role else {}

    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        """The fields of a line; its own role is another's that it tells of."""
        own: Mapping[str, Any] = getattr(record, "fields", {})
        return without_personal_data({**self._role, **own})

    def traceback(self, record: logging.LogRecord) -> str:
        """How it came to an exception, without the values of variables, which may be personal; empty where there was none."""
        return "".join(traceback.format_exception(*record.exc_info)).rstrip() if record.exc_info else ""


class _Json(_Shape):
    def format(self, record: logging.LogRecord) -> str:
        told = self.traceback(record)
        line = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **self.fields(record),
            **({"exception": told} if told else {}),
        }
        return json.dumps(line, default=repr)


class _Text(_Shape):
    def __init__(self, role: str, *, colours: bool) -> None:
        super().__init__(role)
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        level = record.levelname.lower()
        on, off = (COLOURS.get(level, ""), PLAIN) if self._colours else ("", "")
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        fields = " ".join(f"{name}={value if _plain(value) else repr(value)}" for name, value in self.fields(record).items())
        told = self.traceback(record)
        return f"{clock} {on}{level:<8}{off} {record.getMessage():<{EVENT_WIDTH}} {fields}".rstrip() + (f"\n{told}" if told else "")


def _plain(value: object) -> bool:
    """Whether a value is read as one without quotes."""
    return not isinstance(value, str) or (value.isprintable() and value != "" and " " not in value)
