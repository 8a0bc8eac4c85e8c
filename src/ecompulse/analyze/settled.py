"""A statement as it is run: without what the values given leave no work to, so that little is left to plan.

Of a question most filters are not given. `-- if $name` (or `-- if not $name`) begins lines that are only there when the value is true,
`-- else` those that are there when it is not, `-- end` ends them; they may be nested. `-- each $name` repeats lines for each member of a
list, with its number for `{n}` and the one before for `{p}`. Numbers, times and what is null are written in, so that conditions that hold
whatever follows can be left out, and then the parts of the `with` that nothing reads any more. Texts and lists stay parameters: what a
person wrote is never part of a statement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from ecompulse.analyze.literal import literal, without_idle
from ecompulse.analyze.tokens import closed, words

_NAME: Final = re.compile(r"\$(\w+)")
_EACH: Final = re.compile(r"-- each \$(\w+)")
_IF: Final = re.compile(r"-- if (not )?\$(\w+)")
_WORDS: Final = frozenset({"traffic"})
"""Texts that are one of a few words of ours."""
_GAP: Final = r"(?:\s|--[^\n]*\n)*"
_WITH: Final = re.compile(_GAP + r"with\s+(?:recursive\s+)?", re.IGNORECASE)
_PART: Final = re.compile(_GAP + r"(?P<name>\w+)\s+as\s+(?:(?:not\s+)?materialized\s+)?\(", re.IGNORECASE)
_COMMA: Final = re.compile(_GAP + ",")


def settled(sql: str, values: Mapping[str, Any]) -> str:
    """The statement for these values, with the parameters that are left."""

    def written(found: re.Match[str]) -> str:
        value = values[found[1]]
        return literal(value) if isinstance(value, int | float | datetime) else found[0]

    text = chosen(sql, values)
    given = {name: values[name] for name in _NAME.findall(text)}
    few = {name: literal(value) for name, value in given.items() if value is None or isinstance(value, bool) or name in _WORDS}
    return _NAME.sub(written, _shortened(text, tuple(sorted(few.items()))))


@lru_cache(maxsize=128)
def _shortened(sql: str, few: tuple[tuple[str, str], ...]) -> str:
    """The statement with those values written in that are few, without what they make idle. The others come and go with every question."""
    literals = dict(few)
    return only_read(without_idle(_NAME.sub(lambda found: literals.get(found[1], found[0]), sql)))


def only_read(sql: str) -> str:
    """The statement without the parts of its `with` that nothing reads: DuckDB would plan them, and be handed all that they name."""
    beginning = _WITH.match(sql)
    if beginning is None:
        return sql
    parts, at = {}, beginning.end()
    while found := _PART.match(sql, at):
        end = closed(sql, found.end() - 1)
        parts[found["name"].lower()] = sql[found.start("name") : end]
        comma = _COMMA.match(sql, end)
        if comma is None:
            rest = sql[end:]
            break
        at = comma.end()
    else:
        raise ValueError(f"a part of the statement is not written as `name as (…)`: {sql[at : at + 40].strip()!r}")
    read: set[str] = set()
    more = words(rest)
    while new := more & parts.keys() - read:
        read |= new
        more = set().union(*(words(parts[name]) for name in new))
    kept = [text for name, text in parts.items() if name in read]
    return beginning[0] + ",\n".join(kept) + rest if kept else rest.lstrip()


def chosen(sql: str, values: Mapping[str, Any]) -> str:
    """The lines of a statement whose conditions hold, those of an `-- each` once for each member of the list.

    Raises:
        ValueError: an `-- end` has no beginning, or the other way round.
    """
    lines, at = _block(sql.splitlines(), 0, values)
    if at <= len(sql.splitlines()):
        raise ValueError(f"line {at} of the statement, '-- else' or '-- end', belongs to no '-- if' or '-- each'")
    return "\n".join(lines)


def _block(lines: list[str], at: int, values: Mapping[str, Any]) -> tuple[list[str], int]:
    """The lines from `at` up to the `-- else` or `-- end` that belongs to nothing among them, and the index behind that."""
    kept: list[str] = []
    while at < len(lines):
        word = lines[at].strip()
        at += 1
        if word in ("-- else", "-- end"):
            return kept, at
        if found := _IF.fullmatch(word):
            then, at = _block(lines, at, values)
            otherwise, at = _block(lines, at, values) if _ended_by(lines, at) == "-- else" else ([], at)
            kept += then if bool(values[found[2]]) != bool(found[1]) else otherwise
        elif found := _EACH.fullmatch(word):
            each, at = _block(lines, at, values)
            for number in range(1, len(values[found[1]]) + 1):
                kept += [line.replace("{n}", str(number)).replace("{p}", str(number - 1)) for line in each]
        else:
            kept.append(lines[at - 1])
    return kept, at + 1


def _ended_by(lines: list[str], at: int) -> str:
    if at > len(lines):
        raise ValueError("an '-- if' or '-- each' of the statement has no '-- end'")
    return lines[at - 1].strip()
