"""Exchanging a broken file for one with what was saved of it; the broken one is set aside, and nothing reads it any more."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from ecompulse.log.durable import sync
from ecompulse.log.received import pack
from ecompulse.log.sqlite import file
from ecompulse.log.sqlite.counts import before
from ecompulse.log.sqlite.salvage import Salvaged

ASIDE: Final = "damaged"
"""The folder in the log's that holds files set aside."""
_BEGUN: Final = ".begun"


def exchange(folder: Path, partition: int, firsts: list[int], found: Salvaged) -> Path:
    """Put a file with what was saved in the place of the newest one; returns where that went.

    Whoever calls holds the partition's lock. When this is broken off at any point, `begun` is true and it can be done again.

    Raises:
        OSError: the folder cannot be written.
        sqlite3.Error: the new file cannot be written.
    """
    path = file.path_of(folder, partition, firsts[-1])
    aside = aside_of(folder, path)
    fresh = _written(folder, partition, firsts, found)
    _set_aside(path, aside)
    fresh.replace(path)
    sync(path.parent)
    companion(aside, _BEGUN).unlink(missing_ok=True)
    return aside


def _written(folder: Path, partition: int, firsts: list[int], found: Salvaged) -> Path:
    """A new file with what was saved, not in its place yet."""
    first = firsts[-1]
    fresh = file.path_of(folder, partition, first).with_suffix(".new")
    fresh.unlink(missing_ok=True)
    carried = found.carried
    if carried is None or carried[0] != first:
        told = pack(before(folder, partition, firsts))
        carried = (first, told, file.received_checksum(first, told))
    connection = file.open_file(fresh)
    try:
        connection.execute(f"pragma page_size = {file.PAGE_BYTES}")
        connection.execute("pragma fullfsync = on")
        connection.executescript(f"begin immediate; {file.SCHEMA}")
        connection.executemany("insert into formats values (?, ?)", found.formats.items())
        connection.executemany(file.APPEND, found.entries.values())
        connection.execute("insert into carried values (?, ?, ?)", carried)
        connection.execute("commit")
        connection.execute("pragma journal_mode = wal")
    finally:
        connection.close()
    return fresh


def _set_aside(path: Path, aside: Path) -> None:
    """Give the broken file a second name, and take its companions away: the new file must not meet them."""
    aside.parent.mkdir(parents=True, exist_ok=True)
    companion(aside, _BEGUN).touch()
    if path.exists() and not aside.exists():
        os.link(path, aside)
    for suffix in ("-wal", "-shm"):
        if companion(path, suffix).exists():
            companion(path, suffix).replace(companion(aside, suffix))
    sync(aside.parent)
    sync(path.parent)


def begun(folder: Path, path: Path) -> bool:
    """Whether an exchange of this file was broken off."""
    return companion(aside_of(folder, path), _BEGUN).exists()


def aside_of(folder: Path, path: Path) -> Path:
    """Where a broken file goes: beside those of earlier repairs, and to the same place when one was broken off."""
    named = folder / ASIDE / path.parent.name / path.name
    number = 1
    while (place := named.with_name(f"{named.name}.{number}")).exists() and not companion(place, _BEGUN).exists():
        number += 1
    return place


def companion(path: Path, suffix: str) -> Path:
    """A file that SQLite keeps beside another."""
    return path.with_name(path.name + suffix)
