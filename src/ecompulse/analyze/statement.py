"""The statements behind the answers that are not tables over a range, by name of their file, and the parts that statements share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import pyarrow as pa

from ecompulse.analyze.settled import settled
from ecompulse.store import Snapshot

_INCLUDE: Final = re.compile(r"^-- include (?P<names>[\w, ]+)$", re.MULTILINE)


@cache
def statement(name: str) -> str:
    """The text of `statements/<name>.sql`, with its parts put in."""
    return with_parts((files("ecompulse.analyze") / "statements" / f"{name}.sql").read_text("utf-8"))


def with_parts(text: str) -> str:
    """A statement's text with its parts put in."""
    while _INCLUDE.search(text):  # parts include parts
        text = _INCLUDE.sub(lambda found: ",\n".join(_part(name.strip()) for name in found["names"].split(",")), text)
    return text


def _part(name: str) -> str:
    """The text of a shared common table expression, as `parts/<name>.sql` holds it."""
    return (files("ecompulse.analyze") / "questions" / "parts" / f"{name}.sql").read_text("utf-8").rstrip()


def answered(picture: Snapshot, name: str, values: Mapping[str, Any]) -> pa.Table:
    """The rows of `statements/<name>.sql`, settled for these values; it names each column of `events` that it needs."""
    return picture.query(settled(statement(name), values), values, named=True)
