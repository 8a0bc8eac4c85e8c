"""A file of edited dead letters, line by line: the letters that it holds, and what is wrong with the lines that hold none."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO

from msgspec import Struct

from ecompulse.analyze.letter_line import Edited, Unusable, read
from ecompulse.run.errors import USED_WRONGLY, Refused


class Line(Struct, frozen=True):
    """A line that is not empty: a letter, or the reason why it is none. Lines are numbered from 1."""

    number: int
    letter: Edited | None
    reason: str = ""


def lines(name: str) -> Iterator[Line]:
    """The lines of a file, or of standard input for `-`.

    Raises:
        Refused: it cannot be read.
    """
    with _opened(name) as stream:
        yield from parsed(stream)


def parsed(stream: Iterable[bytes]) -> Iterator[Line]:
    """Lines as they come; a letter that a line before names already is not sent again with other content."""
    first: dict[str, int] = {}
    for number, raw in enumerate(stream, 1):
        text = raw.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else raw.strip()
        if not text:
            continue
        try:
            letter = read(text)
        except Unusable as error:
            yield Line(number, None, str(error))
            continue
        if letter.id in first:
            yield Line(number, None, f"names the letter {letter.id}, which line {first[letter.id]} names already")
            continue
        first[letter.id] = number
        yield Line(number, letter)


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        with open(name, "rb") as stream:  # noqa: PTH123 — a name as the shell gave it
            yield stream
    except OSError as error:
        raise Refused(
            f"{name}: {error.strerror or error}.", "Write one with: ecompulse dead-letters export > letters.ndjson", USED_WRONGLY
        ) from None
