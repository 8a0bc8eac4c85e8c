"""Retention: whole files go, by age and size, but never one that a reader has not had."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from ecompulse.log.sqlite import file

logger = logging.getLogger(__name__)


JUMP_SECONDS: Final = 60.0
"""A clock that gets ahead by more than this from one look to the next was set, and did not drift."""
TRUST_SECONDS: Final = 3_600.0
"""How long a clock that was set ahead must stay so until files are as old as it says: a wrong time is usually noticed sooner."""


class AgeClock:
    """The time by which files are old: the machine's, except that a jump ahead counts only once it has lasted.

    A clock that is set a day ahead for a minute would make the log of that day look old enough to delete. One that was wrong already when
    this began cannot be told from a right one.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._offset, self._ahead_since = wall() - steady(), None  # type: float, float | None

    def now(self) -> float:
        """Seconds since 1970."""
        wall, steady = self._wall(), self._steady()
        ahead = wall - steady - self._offset > JUMP_SECONDS
        if ahead and self._ahead_since is None:
            self._ahead_since = steady
            logger.warning("the clock was set ahead, or the machine slept; no file of the log is deleted for its age by it within an hour")
        if not ahead or (self._ahead_since is not None and steady - self._ahead_since >= TRUST_SECONDS):
            self._offset, self._ahead_since = wall - steady, None
        return steady + self._offset


class Retained(Struct, frozen=True):
    """What a retention run did: files deleted, bytes kept, and a sentence for each limit that could not be kept."""

    deleted: list[str]
    bytes_kept: int
    warnings: list[str]


def retain(folder: Path, age_seconds_max: float, bytes_max: int, now: float | None = None) -> Retained:
    """Delete the oldest files beyond the age or the size, as far as every reader has had them durably."""
    now = time.time() if now is None else now
    readers = positions_of_readers(folder)
    deleted: list[str] = []
    warnings: list[str] = []
    sizes = {path: _size(path) for partition in file.partitions(folder) for path in _paths(folder, partition)}
    kept = sum(sizes.values())
    for partition in file.partitions(folder):
        firsts = file.firsts(folder, partition)
        _sweep(folder, partition, firsts)
        read = min((positions.get(partition, 0) for positions in readers.values()), default=0)
        for first, following in pairwise(firsts):
            path = file.path_of(folder, partition, first)
            old, large = now - path.stat().st_mtime > age_seconds_max, kept > bytes_max
            if not old and not large:
                break
            if following > read:
                behind = [name for name, positions in readers.items() if positions.get(partition, 0) < following] or ["no store yet"]
                why = "is older" if old else "is larger"
                warnings.append(
                    f"{folder}/{partition} {why} than its limit, but {', '.join(behind)} has not read offset {read} and beyond: kept"
                )
                break
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            kept -= sizes[path]
            deleted.append(str(path))
    return Retained(deleted, kept, warnings)


def _sweep(folder: Path, partition: int, firsts: list[int]) -> None:
    """Delete what a kill in the middle of a deletion left: the companions of files before the first, which only retention takes."""
    for path in (folder / str(partition)).glob("*.sqlite-*"):
        if firsts and int(path.name.partition(".")[0]) < firsts[0]:
            path.unlink(missing_ok=True)


def begins(folder: Path) -> dict[int, int]:
    """The first offset that each partition still holds; a partition without a file is not named."""
    found = {partition: file.firsts(folder, partition) for partition in file.partitions(folder)}
    return {partition: firsts[0] for partition, firsts in found.items() if firsts}


def positions_of_readers(folder: Path) -> dict[str, dict[int, int]]:
    """What each reader has durably, by its name; nothing where that cannot be read, so that nothing is deleted because of it."""
    found: dict[str, dict[int, int]] = {}
    for path in (folder / "readers").glob("*.json"):
        try:
            found[path.stem] = msgspec.json.decode(path.read_bytes(), type=dict[int, int])
        except msgspec.MsgspecError as error:
            logger.warning("%s: what the store has had cannot be read (%s); the log keeps everything till it is written again", path, error)
            found[path.stem] = {}
    return found


def _paths(folder: Path, partition: int) -> list[Path]:
    return [file.path_of(folder, partition, first) for first in file.firsts(folder, partition)]


def _size(path: Path) -> int:
    return sum(file.size_of(path.with_name(path.name + suffix)) for suffix in ("", "-wal", "-shm"))
