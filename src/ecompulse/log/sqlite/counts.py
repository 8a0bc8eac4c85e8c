"""What a partition had received up to a position, by group: the sums that its file carries from the files before it, and its own entries.

Each file begins with the sums of all that came before it, so no file is needed to count what an earlier one held, and none is counted
twice. What cannot be read, or was written before groups were counted, is missing from the sums: the position says how many events that are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from ecompulse.log import DamagedEntry
from ecompulse.log.received import Counts, add, total, unpack
from ecompulse.log.received import count as count_of
from ecompulse.log.sqlite import file


class Known(Struct, frozen=True):
    """What is known of the first `position` events of a partition."""

    position: int
    counts: Counts

    @property
    def unknown(self) -> int:
        """Events whose group is not known."""
        return self.position - total(self.counts)


class _Place(Struct):
    """Where the sums of a partition were last asked for."""

    first: int
    position: int
    counts: Counts


class ReceivedCounts:
    """The counts of a log's partitions. Used from one thread at a time; looking again costs only what was appended meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places: dict[int, _Place] = {}

    def upto(self, positions: Mapping[int, int]) -> dict[int, Known]:
        """What each partition had received up to these positions (partition → offset)."""
        return {partition: self._upto(partition, position) for partition, position in positions.items()}

    def _upto(self, partition: int, position: int) -> Known:
        held = self._places.get(partition)
        firsts = [first for first in file.firsts(self.folder, partition) if first <= position]
        if held is None or not firsts or held.first != firsts[-1] or held.position > position:
            held = self._places[partition] = self._from_carried(partition, firsts)
        if firsts and held.position < position:
            add(held.counts, between(file.path_of(self.folder, partition, held.first), held.position, position))
            held.position = position
        return Known(position, dict(held.counts))

    def _from_carried(self, partition: int, firsts: list[int]) -> _Place:
        """The sums at the beginning of the last of these files."""
        return _Place(firsts[-1], firsts[-1], before(self.folder, partition, firsts)) if firsts else _Place(0, 0, {})

    def within(self, partition: int, start: int, end: int) -> Counts:
        """What the entries of these offsets received, as far as their files are there."""
        counts: Counts = {}
        firsts = file.firsts(self.folder, partition)
        for first, following in zip(firsts, [*firsts[1:], end], strict=True):
            if first < end and following > start:
                add(counts, between(file.path_of(self.folder, partition, first), start, min(end, following)))
        return counts


def before(folder: Path, partition: int, firsts: list[int]) -> Counts:
    """What a partition received before the last of its files that begin at `firsts`."""
    if not firsts or firsts[-1] == 0:
        return {}
    carried = _carried(file.path_of(folder, partition, firsts[-1]), firsts[-1])
    if carried is not None:
        return carried
    counts = before(folder, partition, firsts[:-1])  # files carry nothing where they are damaged or old, which is rare
    if len(firsts) > 1:
        add(counts, between(file.path_of(folder, partition, firsts[-2]), firsts[-2], firsts[-1]))
    return counts


def between(path: Path, start: int, end: int) -> Counts:
    """What a file's entries from offset `start` up to `end` received, as far as that can be read."""
    counts: Counts = {}
    for received in _received(path, start, end):
        add(counts, received)
    return counts


def _received(path: Path, start: int, end: int) -> Iterator[Counts]:
    try:
        connection = file.open_existing(path)
    except sqlite3.Error:
        return  # retention has just deleted it
    try:
        if not _counts(connection):
            return
        for offset, count, received, checksum in connection.execute(_OVERLAPPING, (start, end)):
            found = _checked(offset, received, checksum)
            if offset + count <= start or found is None or total(found) != count:
                continue
            yield found if start <= offset and offset + count <= end else _part(connection, path, offset, start, end)
    except sqlite3.Error:
        return  # the rest is damaged; who reads the events says so
    finally:
        connection.close()


_OVERLAPPING: Final = """
select offset, count, received, received_checksum from entries
where offset >= (select coalesce(max(offset), ?1) from entries where offset <= ?1) and offset < ?2 order by offset
"""


def _part(connection: sqlite3.Connection, path: Path, offset: int, start: int, end: int) -> Counts:
    """What the events of one entry that lie between two offsets were: a store may have read it in parts."""
    for row in connection.execute(file.ROWS, (offset, offset + 1, 1)):
        try:
            entry = file.unpack(0, row, path)
        except DamagedEntry:
            return {}
        part = entry.part(max(0, start - offset), min(entry.count, end - offset))
        return count_of(part.events, part.rejected)
    return {}


def _counts(connection: sqlite3.Connection) -> bool:
    """Whether entries of this file tell their groups."""
    return any(row[1] == "received" for row in connection.execute("pragma table_info(entries)"))


def _carried(path: Path, first: int) -> Counts | None:
    try:
        connection = file.open_existing(path)
    except sqlite3.Error:
        return None
    try:
        row = connection.execute("select offset, received, checksum from carried").fetchone()
    except sqlite3.Error:
        return None
    finally:
        connection.close()
    return _checked(*row) if row is not None and row[0] == first else None


def _checked(offset: int, received: str | None, checksum: int | None) -> Counts | None:
    if not isinstance(received, str) or file.received_checksum(offset, received) != checksum:
        return None
    try:
        return unpack(received)
    except msgspec.MsgspecError:
        return None
