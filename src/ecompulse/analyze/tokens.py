"""The tokens of a statement, as far as they tell where its parts end and what they name."""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(r"--[^\n]*|'(?:[^']|'')*'|\"[^\"]*\"|\w+|[()]")


def closed(sql: str, opening: int) -> int:
    """The place behind the parenthesis that closes the one at `opening`; those in comments and texts do not count."""
    depth = 0
    for token in _TOKEN.finditer(sql, opening):
        depth += (token[0] == "(") - (token[0] == ")")
        if not depth:
            return token.end()
    raise ValueError("a parenthesis of the statement is not closed")


def words(sql: str) -> set[str]:
    """Whatever may be a name, in small letters; comments and texts are none, since they are taken with their marks."""
    return {token.strip('"').lower() for token in _TOKEN.findall(sql)}
