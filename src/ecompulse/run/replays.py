"""Which dead letters were replayed: written down before each append to the log, so that no letter ever becomes two events.

A letter is noted with the offset that its event is about to get, and the note is durable before the append begins. One appender writes the
partition, so the note is true exactly when the partition ends behind that offset: whatever was killed in between, and whatever the store
knows of it. A note whose append did not come about is deleted before the next one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

SCHEMA: Final = """
create table if not exists replays (
    letter text primary key,      -- its id, `<partition>-<offset>`
    offset integer not null,      -- of its event, in the partition of replays
    at_us integer not null        -- when, in microseconds since 1970
) without rowid;
create index if not exists replays_offset on replays (offset);
"""
ASKED_AT_ONCE: Final = 500
"""Values in one statement: SQLite takes some thousands."""


class Replays:
    """The notes of one data folder; used from one thread at a time. Every method may raise `sqlite3.Error`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=5, check_same_thread=False)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = full")  # a note that a power cut takes would allow a second event
        self._connection.execute("pragma fullfsync = on")
        self._connection.executescript(SCHEMA)

    def note(self, offsets: Mapping[str, int], at_us: int, end: int) -> None:
        """Note letters with the offsets that their events get by the append that follows, to a partition that ends at `end` now."""
        connection = self._connection
        connection.execute("begin immediate")
        try:
            connection.execute("delete from replays where offset >= ?", [end])
            connection.executemany("insert into replays values (?, ?, ?)", [(letter, offset, at_us) for letter, offset in offsets.items()])
        except BaseException:
            connection.execute("rollback")
            raise
        connection.execute("commit")

    def among(self, letters: Sequence[str], end: int) -> dict[str, int]:
        """Those of these letters that were replayed → when; `end` is where the partition of replays ends."""
        found: dict[str, int] = {}
        for start in range(0, len(letters), ASKED_AT_ONCE):
            some = letters[start : start + ASKED_AT_ONCE]
            marks = ", ".join("?" * len(some))
            found.update(
                self._connection.execute(f"select letter, at_us from replays where offset < ? and letter in ({marks})", [end, *some])
            )
        return found

    def all(self, end: int) -> dict[str, int]:
        """Every letter that was replayed → when."""
        return dict(self._connection.execute("select letter, at_us from replays where offset < ?", [end]))

    def forget(self, letters: Iterable[str]) -> None:
        """Delete the notes of letters that can never come back: neither store nor log has them."""
        self._connection.executemany("delete from replays where letter = ?", [(letter,) for letter in letters])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
