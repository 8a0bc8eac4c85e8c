"""A file of edited dead letters, or standard input, line by line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from ecompulse.analyze.letter_line import Line, parsed
from ecompulse.run.errors import USED_WRONGLY, Refused


def lines(name: str) -> Iterator[Line]:
    """The lines of a file, or of standard input for `-`.

    Raises:
        Refused: it cannot be read.
    """
    with _opened(name) as stream:
        yield from parsed(stream)


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = open(name, "rb")  # noqa: PTH123, SIM115 — a name as the shell gave it; closed below
    except OSError as error:
        remedy = "Write one with: ecompulse dead-letters export > letters.ndjson"
        raise Refused(f"{name}: {error.strerror or error}.", remedy, USED_WRONGLY) from None
    with stream:
        yield stream
