"""A statement with its values written in, for people who want to read and change it; what we run ourselves has parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ecompulse.analyze.rows import time_text
from ecompulse.analyze.tokens import closed

_NAME: Final = re.compile(r"\$(\w+)")
_IDLE: Final = re.compile(r"\s+and \((null is null|not false|'mixed' = 'mixed') or ")


def written_out(sql: str, values: Mapping[str, Any]) -> str:
    """The statement with each `$name` replaced by a literal, without the conditions of filters that were not given."""
    return without_idle(_NAME.sub(lambda found: literal(values[found[1]]), sql)).strip() + "\n"


def literal(value: Any) -> str:
    """A value as SQL."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case datetime():
            return f"timestamptz '{time_text(value)}'"
        case list():
            return f"[{', '.join(map(literal, value))}]"
        case _:
            return "'" + str(value).replace("'", "''") + "'"


def without_idle(sql: str) -> str:
    """Leave out every `and (null is null or …)`, which is true whatever follows."""
    while found := _IDLE.search(sql):
        sql = sql[: found.start()] + sql[closed(sql, sql.index("(", found.start())) :]
    return sql
