"""A newest file that is broken is set aside, and one with what can be saved of it takes its place, so that appending and reading go on.

What is missing then is a gap between offsets: whoever reads the log counts it, and tells which offsets it was.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from msgspec import Struct

from ecompulse.log.sqlite import file
from ecompulse.log.sqlite.append import SqliteAppender, take
from ecompulse.log.sqlite.exchange import aside_of, begun, companion, exchange
from ecompulse.log.sqlite.salvage import Salvaged, salvage


class Repaired(Struct, frozen=True):
    """What was saved of a file, and what was not."""

    path: Path
    aside: Path
    saved: int
    """Events in entries that are whole."""
    lost: list[tuple[int, int]]
    """First and last offset of each stretch that is not there, up to where the partition is known to have ended."""


def wrong_with(path: Path) -> str | None:
    """What SQLite says is wrong with a file; None when it is sound."""
    try:
        file.must_be_whole(path)
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)
        try:
            answer = connection.execute("pragma quick_check(1)").fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as error:
        return str(error)
    return None if answer == "ok" else str(answer)


def repair(folder: Path, partition: int) -> Repaired | None:
    """Repair the newest file of a partition; None when it is sound. A repair that was broken off can be begun again.

    Raises:
        LogError: a collector appends to the partition.
        OSError: the folder cannot be written.
        sqlite3.Error: the new file cannot be written.
    """
    firsts = file.firsts(folder, partition)
    path = file.path_of(folder, partition, firsts[-1]) if firsts else None
    if path is None or (wrong_with(path) is None and not begun(folder, path)):
        return None
    _, lock = take(folder, partition)
    with lock:
        wal = companion(path, "-wal")
        found = salvage(path, wal if file.size_of(wal) else companion(aside_of(folder, path), "-wal"))
        aside = exchange(folder, partition, firsts, found)
    appender = SqliteAppender(folder, partition)  # knows where the partition ended
    try:
        end = appender.end
        appender.begin()
    finally:
        appender.close()
    return Repaired(path, aside, found.events, list(_gaps(firsts[-1], found, end)))


def _gaps(first: int, found: Salvaged, end: int) -> list[tuple[int, int]]:
    gaps, position = [], first
    for offset, count in [*((entry[0], entry[1]) for entry in found.entries.values()), (end, 0)]:
        if offset > position:
            gaps.append((position, offset - 1))
        position = max(position, offset + count)
    return gaps
