"""Retention: whole files go, by age and size, but never one that a reader has not had."""

from __future__ import annotations

import logging
import time
from itertools import pairwise
from pathlib import Path

import msgspec
from msgspec import Struct

from ecompulse.log.sqlite import file

logger = logging.getLogger(__name__)


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


def gone(folder: Path) -> dict[int, int]:
    """Partitions whose beginning was deleted → the first offset that they still hold."""
    begins = {partition: file.firsts(folder, partition) for partition in file.partitions(folder)}
    return {partition: firsts[0] for partition, firsts in begins.items() if firsts and firsts[0] > 0}


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
