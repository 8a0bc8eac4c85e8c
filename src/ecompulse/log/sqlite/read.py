"""Reading the log from positions, file by file, and waiting for more."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Final

import msgspec

from ecompulse.log import DamagedEntry, Entry, LogError, Positions
from ecompulse.log.sqlite import file

ENTRIES_MAX: Final = 512
"""Entries fetched at once: a single-event request alone in its group is an entry of its own."""
POLL_BUSY_SECONDS: Final = 0.002
POLL_IDLE_SECONDS: Final = 0.01
"""How often to look for an append: a look costs about 20 µs, so waiting costs 1 % of a core when busy and 0.2 % when idle."""
_FOREVER: Final = 2**63 - 1


class SqliteReader:
    """See `ecompulse.log.Reader`. Used from one thread at a time."""

    def __init__(self, folder: Path, name: str = "store") -> None:
        """Read the log in `folder` as the reader `name` (retention waits for each named reader)."""
        self.folder, self.name = folder, name
        self._open: dict[int, tuple[int, sqlite3.Connection]] = {}
        self._looked: dict[int, int] = {}

    def read(self, positions: Positions, events_max: int) -> list[Entry]:
        """See `ecompulse.log.Reader.read`."""
        entries: list[Entry] = []
        for partition in file.partitions(self.folder):
            position, left = positions.get(partition, 0), events_max
            while left > 0:
                try:
                    got = self._read(partition, position, left)
                except DamagedEntry:
                    if entries:  # first what is whole; the next read begins at the damage
                        return entries
                    raise
                entries += got
                left -= sum(entry.count for entry in got)
                if not got:
                    break
                position = got[-1].offset + got[-1].count
        return entries

    def _read(self, partition: int, position: int, events_max: int) -> list[Entry]:
        firsts = file.firsts(self.folder, partition)
        at = max((index for index, first in enumerate(firsts) if first <= position), default=None)
        if at is None:
            if firsts:
                raise LogError(f"{self.folder}/{partition}: offsets {position} to {firsts[0] - 1} are gone; the store has not had them")
            return []
        ends = firsts[at + 1] if at + 1 < len(firsts) else _FOREVER
        connection = self._connection(partition, firsts[at])
        entries: list[Entry] = []
        for row in connection.execute(file.ROWS, (position, ends, ENTRIES_MAX)):
            if row[0] != position:
                raise LogError(f"{self.folder}/{partition}: offsets {position} to {row[0] - 1} are missing")
            try:
                entries.append(file.unpack(partition, row, file.path_of(self.folder, partition, firsts[at])))
            except DamagedEntry:
                if entries:
                    break
                raise
            position += row[1]
            events_max -= row[1]
            if events_max <= 0:
                break
        return entries

    def _connection(self, partition: int, first: int) -> sqlite3.Connection:
        held = self._open.get(partition)
        if held is not None and held[0] == first:
            return held[1]
        if held is not None:
            held[1].close()
        path = file.path_of(self.folder, partition, first)
        connection = file.open_file(path)
        connection.executescript(file.SCHEMA)  # a file that was just made may not have them yet
        self._open[partition] = (first, connection)
        return connection

    def end(self) -> dict[int, int]:
        """See `ecompulse.log.Reader.end`."""
        ends = {}
        for partition in file.partitions(self.folder):
            firsts = file.firsts(self.folder, partition)
            if firsts:
                held = self._open.get(partition)
                if held is not None and held[0] == firsts[-1]:
                    ends[partition] = file.end_of(held[1], firsts[-1])
                else:
                    connection = file.open_file(file.path_of(self.folder, partition, firsts[-1]))
                    try:
                        connection.executescript(file.SCHEMA)
                        ends[partition] = file.end_of(connection, firsts[-1])
                    finally:
                        connection.close()
        return ends

    def wait(self, seconds: float) -> bool:
        """See `ecompulse.log.Reader.wait`."""
        until = time.monotonic() + seconds
        poll = POLL_BUSY_SECONDS
        while True:
            ends = self.end()
            if ends != self._looked:
                self._looked = ends
                return True
            if time.monotonic() >= until:
                return False
            time.sleep(poll)
            poll = min(poll * 1.25, POLL_IDLE_SECONDS)

    def done(self, positions: Positions) -> None:
        """See `ecompulse.log.Reader.done`."""
        path = self.folder / "readers" / f"{self.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(dict(positions)))
        fresh.replace(path)

    def forget(self) -> None:
        """Let retention wait for this reader no longer."""
        (self.folder / "readers" / f"{self.name}.json").unlink(missing_ok=True)

    def close(self) -> None:
        """See `ecompulse.log.Reader.close`."""
        for _, connection in self._open.values():
            connection.close()
        self._open.clear()
