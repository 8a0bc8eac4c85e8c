"""What a question is, read from its `.sql` file: title, description, columns, parameters and the statement itself.

A file begins with its declaration, one fact a line:

    -- title: Revenue
    -- description: Orders and what shoppers paid, over time.
    -- column time timestamp: Start of the bucket, in UTC.

`-- include a, b` is replaced by `parts/a.sql` and `parts/b.sql`, the common table expressions that questions share; parts may include
parts. `-- if $name … -- else … -- end` and `-- each $name … -- end` choose lines by the values (see `settled`). Which parameters a question
takes follows from the `$names` in its statement (see `parameters`).
"""

from __future__ import annotations

import difflib
import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from msgspec import Struct

from ecompulse.analyze.parameters import Parameter, parameters_of
from ecompulse.analyze.statement import with_parts

COLUMN_TYPES: Final = ("text", "integer", "number", "rate", "decimal", "timestamp")

_FACT: Final = re.compile(r"^-- (?P<key>title|description|column (?P<name>\w+) (?P<type>\w+)): (?P<text>.+)$")
_NAME: Final = re.compile(r"\$(\w+)")


class Column(Struct, frozen=True):
    """A column of an answer; `type` is one of `COLUMN_TYPES`."""

    name: str
    type: str
    description: str


class Question(Struct, frozen=True):
    """A question that can be asked; `bound` are the `$names` in its statement."""

    name: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    sql: str
    bound: frozenset[str]


class UnknownQuestion(LookupError):
    """There is no question of this name; says which one is nearest."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        hint = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(known)}."
        super().__init__(f"There is no question '{name}'. {hint}")


@cache
def questions() -> dict[str, Question]:
    """Every question by name, in alphabetical order."""
    folder = files("ecompulse.analyze") / "questions"
    found = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return {question.name: question for question in (_read(entry) for entry in found)}


def question_named(name: str) -> Question:
    """The question of this name. Raises `UnknownQuestion`."""
    known = questions()
    if name not in known:
        raise UnknownQuestion(name, tuple(known))
    return known[name]


def _read(entry: Traversable) -> Question:
    name, lines = entry.name.removesuffix(".sql"), entry.read_text("utf-8").splitlines()
    facts = [found for found in map(_FACT.match, lines) if found]
    said = {found["key"]: found["text"] for found in facts}
    columns = tuple(Column(found["name"], found["type"], found["text"]) for found in facts if found["name"])
    if not columns or {"title", "description"} - said.keys() or {column.type for column in columns} - set(COLUMN_TYPES):
        raise ValueError(
            f"{entry}: begin with '-- title:', '-- description:' and '-- column name type:' lines; types are {', '.join(COLUMN_TYPES)}."
        )
    sql = with_parts("\n".join(line for line in lines if not _FACT.match(line)))
    bound = frozenset(_NAME.findall(sql))
    return Question(name, said["title"], said["description"], parameters_of(bound), columns, sql, bound)
