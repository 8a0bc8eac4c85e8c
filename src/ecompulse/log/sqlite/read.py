"""Reading the log from positions, file by file, and waiting for more."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Final

import msgspec

from ecompulse.log import DamagedEntry, Entry, LogError, Positions
from ecompulse.log.sqlite import file
from ecompulse.log.sqlite.end import Marks

ENTRIES_MAX: Final = 512
"""Entries fetched at once: a single-event request alone in its group is an entry of its own."""
POLL_BUSY_SECONDS: Final = 0.002
POLL_IDLE_SECONDS: Final = 0.01
"""How often to look for an append. A mark that is missing or made anew delays what was appended by one wait, no more: whoever waited reads
then."""
OPENINGS_MAX: Final = 5
"""A file is exchanged for a new one once, when a collector starts; more than that is a fault."""
_FOREVER: Final = 2**63 - 1
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class SqliteReader:
    """See `ecompulse.log.Reader`. Used from one thread at a time."""

    def __init__(self, folder: Path, name: str = "store") -> None:
        """Read the log in `folder` as the reader `name` (retention waits for each named reader)."""
        self.folder, self.name = folder, name
        self._open: dict[int, tuple[int, int, sqlite3.Connection]] = {}
        self._told: list[bytes] = []
        """What the marks of the partitions said at the last look."""

    def read(self, positions: Positions, events_max: int) -> list[Entry]:
        """See `ecompulse.log.Reader.read`."""
        entries: list[Entry] = []
        partitions = file.partitions(self.folder)
        for waiting, partition in zip(range(len(partitions), 0, -1), partitions, strict=True):
            position, left = positions.get(partition, 0), -(-events_max // waiting)  # what one leaves of its share is the next ones'
            events_max -= left
            more = True
            while more and left > 0:
                try:
                    got, more = self._read(partition, position, left)
                except DamagedEntry:
                    if entries:  # first what is whole; the next read begins at the damage
                        return entries
                    raise
                entries += got
                left -= sum(entry.count for entry in got)
                position = got[-1].offset + got[-1].count if got else position
            events_max += left
        return entries

    def _read(self, partition: int, position: int, events_max: int) -> tuple[list[Entry], bool]:
        """Entries of one file from a position on, and whether there may be more behind them."""
        firsts = file.firsts(self.folder, partition)
        at = max((index for index, first in enumerate(firsts) if first <= position), default=None)
        if at is None:
            if firsts:
                raise self._missing(partition, position, firsts[0], "gone; the store has not had them")
            return [], False
        first, ends = firsts[at], firsts[at + 1] if at + 1 < len(firsts) else _FOREVER
        entries: list[Entry] = []
        try:
            for row in self._connection(partition, first).execute(file.ROWS, (position, ends, ENTRIES_MAX)):
                offset, count = row[0], row[1]
                if offset + count <= position:  # the entry before a gap
                    continue
                if offset > position:
                    raise self._missing(partition, position, offset, "missing")
                entry = self._entry(partition, row, first, position)
                entries.append(entry.part(0, events_max) if entry.count > events_max else entry)
                position += entries[-1].count
                events_max -= entries[-1].count
                if events_max <= 0:
                    break
        except DamagedEntry:
            if not entries:
                raise
        except sqlite3.Error as error:
            if not entries:
                raise self._unreadable(error, partition, first, position, ends) from error
        if not entries and ends != _FOREVER:  # a later file begins behind this: what lay between was cut off
            raise self._missing(partition, position, ends, "missing")
        return entries, len(entries) == ENTRIES_MAX or (bool(entries) and ends != _FOREVER)

    def _entry(self, partition: int, row: file.Row, first: int, position: int) -> Entry:
        """The entry of a row, from `position` on."""
        before = position - row[0]
        try:
            entry = file.unpack(partition, row, file.path_of(self.folder, partition, first))
        except DamagedEntry as error:
            raise DamagedEntry(str(error), partition, position, row[1] - before) from error  # what was read before was whole
        return entry.part(before, entry.count) if before else entry

    def _missing(self, partition: int, start: int, end: int, how: str) -> DamagedEntry:
        return DamagedEntry(f"{self.folder}/{partition}: offsets {start} to {end - 1} are {how}", partition, start, end - start)

    def _unreadable(self, error: sqlite3.Error, partition: int, first: int, position: int, ends: int) -> LogError:
        """What an error of SQLite means: a file that is busy is waited for; of one that is damaged as little as possible is given up."""
        path = file.path_of(self.folder, partition, first)
        held = self._open.pop(partition, None)
        if held is not None:
            held[2].close()
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
            return LogError(f"{path}: it cannot be read: {error}")
        end = _after(path, position) or ends
        if end == _FOREVER:
            return LogError(f"{path}: the file is damaged from offset {position} on ({error}); `ecompulse doctor` says what to do")
        message = f"{path}: offsets {position} to {end - 1} are damaged: {error}"
        return DamagedEntry(message, partition, position, end - position)

    def _connection(self, partition: int, first: int) -> sqlite3.Connection:
        held = self._held(partition, first)
        if held is None:
            identity, held = _opened(file.path_of(self.folder, partition, first))
            self._open[partition] = (first, identity, held)
        return held

    def _held(self, partition: int, first: int) -> sqlite3.Connection | None:
        """The open file, if it is still the one of that name: one that got no entry before its collector died is made anew."""
        held = self._open.get(partition)
        if held is not None and held[0] == first and held[1] == _identity(file.path_of(self.folder, partition, first)):
            return held[2]
        if held is not None:
            self._open.pop(partition)[2].close()
        return None

    def end(self) -> dict[int, int]:
        """See `ecompulse.log.Reader.end`."""
        try:
            return self._ends()
        except sqlite3.Error as error:
            raise LogError(f"{self.folder}: the end of the log cannot be read: {error}; `ecompulse doctor` says what to do") from error

    def _ends(self) -> dict[int, int]:
        ends = {}
        for partition in file.partitions(self.folder):
            firsts = file.firsts(self.folder, partition)
            if firsts:
                held = self._open.get(partition)
                if held is not None and held[0] == firsts[-1]:
                    ends[partition] = file.end_of(self._connection(partition, firsts[-1]), firsts[-1])
                else:
                    _, connection = _opened(file.path_of(self.folder, partition, firsts[-1]))
                    try:
                        ends[partition] = file.end_of(connection, firsts[-1])
                    finally:
                        connection.close()
        return ends

    def wait(self, seconds: float) -> bool:
        """See `ecompulse.log.Reader.wait`."""
        until = time.monotonic() + seconds
        poll = POLL_BUSY_SECONDS
        with Marks(self.folder / str(partition) for partition in file.partitions(self.folder)) as marks:
            while (told := marks.look()) == self._told:
                if time.monotonic() >= until:
                    return False
                time.sleep(poll)  # the writer is another process: only the marks in its files tell of news
                poll = min(poll * 1.25, POLL_IDLE_SECONDS)
        self._told = told
        return True

    def done(self, positions: Positions) -> None:
        """See `ecompulse.log.Reader.done`."""
        path = self.folder / "readers" / f"{self.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as told:
            told.write(msgspec.json.encode(dict(positions)))
            told.flush()
            os.fsync(told.fileno())  # a power cut must not leave an empty file: offsets are never given twice because of it
        fresh.replace(path)

    def forget(self) -> None:
        """Let retention wait for this reader no longer."""
        (self.folder / "readers" / f"{self.name}.json").unlink(missing_ok=True)

    def close(self) -> None:
        """See `ecompulse.log.Reader.close`."""
        for _, _, connection in self._open.values():
            connection.close()
        self._open.clear()


def _identity(path: Path) -> int:
    """Which file has the name now; 0 when none has."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _opened(path: Path) -> tuple[int, sqlite3.Connection]:
    """Open the file that has the name now, and say which that is.

    Raises:
        sqlite3.Error: it cannot be opened, or is no file of the log.
    """
    for attempt in range(OPENINGS_MAX):
        identity = _identity(path)
        try:
            connection = file.open_existing(path)
            try:
                connection.executescript(file.SCHEMA)  # a file of an earlier version may not have all of it
            except BaseException:
                connection.close()
                raise
        except sqlite3.OperationalError:
            if attempt + 1 < OPENINGS_MAX and identity != _identity(path):
                continue
            raise
        if identity == _identity(path):
            return identity, connection
        connection.close()
    raise sqlite3.OperationalError(f"{path} is made anew again and again")


def _after(path: Path, position: int) -> int | None:
    """The offset after the entry at `position`, read past its bytes: a count stands before them. None when that is damaged, too."""
    connection = file.open_file(path)
    try:
        row = connection.execute("select offset + count from entries where offset <= ? order by offset desc limit 1", [position]).fetchone()
    except sqlite3.Error:
        return None
    finally:
        connection.close()
    return int(row[0]) if row and row[0] > position else None
