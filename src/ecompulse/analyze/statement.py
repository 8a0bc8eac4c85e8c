"""The statements behind the answers that are not tables over a range, by name of their file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def statement(name: str) -> str:
    """The text of `statements/<name>.sql`."""
    return (files("ecompulse.analyze") / "statements" / f"{name}.sql").read_text("utf-8")
