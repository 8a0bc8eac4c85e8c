"""What of the log is damaged, and whether a store has had it: read as the engine reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from ecompulse.log import DamagedEntry
from ecompulse.log.sqlite import SqliteReader, file
from ecompulse.log.sqlite.retain import positions_of_readers

FILES_MAX: Final = 4
"""Files looked into, of each partition the newest: 256 MB, some seconds. Older ones were read long ago as a rule."""
READ_EVENTS: Final = 50_000


class Damage(Struct, frozen=True):
    """A stretch of the log that cannot be read, and how many of its events no store has had."""

    message: str
    count: int
    lost: int


def damage(folder: Path) -> Iterator[Damage]:
    """Every damaged stretch of the newest files, in order.

    Raises:
        LogError: a file cannot be read at all, and where it ended is not known.
    """
    had = list(positions_of_readers(folder).values())
    firsts = {partition: file.firsts(folder, partition) for partition in file.partitions(folder)}
    positions = {partition: offsets[-FILES_MAX:][0] for partition, offsets in firsts.items() if offsets}
    reader = SqliteReader(folder, "doctor")
    try:
        while True:
            try:
                entries = reader.read(positions, READ_EVENTS)
            except DamagedEntry as error:
                end = error.offset + error.count
                taken = min((read.get(error.partition, 0) for read in had), default=0)
                yield Damage(str(error), error.count, max(0, end - max(taken, error.offset)))
                positions[error.partition] = end
                continue
            if not entries:
                return
            positions.update({entry.partition: entry.offset + entry.count for entry in entries})
    finally:
        reader.close()
