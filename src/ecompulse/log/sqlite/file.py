"""One file of the log: its name, its tables, and the bytes of an entry."""

from __future__ import annotations

import os
import sqlite3
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa
import zstandard

from ecompulse.contract.columns import DeadLetter
from ecompulse.log import DamagedEntry, Entry
from ecompulse.log.sqlite import packed

SCHEMA: Final = """
create table if not exists formats (id integer primary key, schema blob not null unique);
create table if not exists entries (
    offset integer primary key,   -- of the first event of the entry
    count integer not null,       -- events received: accepted ones, then rejected ones
    received text,                -- the same by group, JSON; before the blobs, so that it is read without them
    received_checksum integer,    -- CRC-32 of offset and received
    format integer,               -- the columns of `events`
    events blob,                  -- Arrow IPC record batch message, zstd; of large batches with words, see packed.py
    rejected blob,                -- msgpack list of dead letters, zstd
    checksum integer not null     -- CRC-32 of offset, count, events and rejected
);
create table if not exists carried (  -- one row: what the partition had received before this file, so that files before it may go
    offset integer primary key,       -- of the first event of the file
    received text not null,           -- by group, JSON
    checksum integer not null         -- CRC-32 of offset and received
);
"""
"""Files of the first versions have no `carried`, and in `entries` no `received` and `received_checksum`."""

PAGE_BYTES: Final = 16_384
"""Entries are 5 to 500 kB; larger pages than SQLite's usual 4,096 make fewer frames to sum and to sync."""

Row = tuple[int, int, bytes | None, bytes | None, bytes | None, int]
"""offset, count, schema, events, rejected, checksum."""

APPEND: Final = "insert into entries values (?, ?, ?, ?, ?, ?, ?, ?)"

ROWS: Final = """
select offset, count, schema, events, rejected, checksum from entries left join formats on formats.id = entries.format
where offset >= (select coalesce(max(offset), ?1) from entries where offset <= ?1) and offset < ?2 order by offset limit ?3
"""
"""From the entry on that holds a position, or that stands before it, to before another position."""

_ENDING: Final = ".sqlite"
_MAGIC: Final = b"SQLite format 3\0"
_WAL_MAGICS: Final = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")

_letters = msgspec.msgpack.Decoder(list[DeadLetter])


def path_of(folder: Path, partition: int, offset: int) -> Path:
    """The file whose first entry has `offset`."""
    return folder / str(partition) / f"{offset:020}.sqlite"


def firsts(folder: Path, partition: int) -> list[int]:
    """The first offsets of the files of a partition, ascending."""
    return sorted(int(name[: -len(_ENDING)]) for name in _names(folder / str(partition)) if name.endswith(_ENDING))


def partitions(folder: Path) -> list[int]:
    """The partitions that the folder holds, ascending."""
    return sorted(int(name) for name in _names(folder) if name.isdecimal())


def _names(folder: Path) -> list[str]:
    """What a folder holds. Readers ask dozens of times a second, and to make paths of the names would take twice as long."""
    try:
        return os.listdir(folder)  # noqa: PTH208  as the docstring says
    except FileNotFoundError:
        return []


def bytes_of(folder: Path, partition: int) -> int:
    """The size of a partition on disk."""
    return sum(size_of(entry) for entry in (folder / str(partition)).iterdir() if ".sqlite" in entry.name)


def size_of(path: Path) -> int:
    """The size of a file; 0 for one that is gone, as a write-ahead log is once it was folded in."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def open_file(path: Path) -> sqlite3.Connection:
    """Open a file for reading or checkpointing; the connection may be used from any one thread at a time."""
    return sqlite3.connect(path, isolation_level=None, timeout=5, check_same_thread=False)


def open_existing(path: Path) -> sqlite3.Connection:
    """The same for a file that may be gone: it is not made again.

    Raises:
        sqlite3.OperationalError: it is not there.
        sqlite3.DatabaseError: it, or its write-ahead log, is damaged from the first byte on.
    """
    must_be_whole(path)
    return open_beside(path)


def open_beside(path: Path) -> sqlite3.Connection:
    """The same for a file that this process has open to append to.

    Nothing but SQLite may open and close such a file: with whatever descriptor is closed first, POSIX takes away all locks that the process
    has on it, and another process that closes it next would believe itself the last, and delete the write-ahead log.
    """
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=5, check_same_thread=False)


def must_be_whole(path: Path) -> None:
    """Look at the first bytes of a file and its write-ahead log, before SQLite does.

    SQLite takes a write-ahead log whose header is damaged for an empty one, and deletes it: with it all that is not folded in yet, which
    a repair could save.

    Raises:
        sqlite3.DatabaseError: one of them does not begin as it must.
    """
    main, wal = _first_bytes(path, len(_MAGIC)), _first_bytes(path.with_name(path.name + "-wal"), len(_WAL_MAGICS[0]))
    if wal and wal not in _WAL_MAGICS:
        raise _damaged("its write-ahead log is damaged")
    if main and main != _MAGIC and not wal:
        raise _damaged("file is not a database")


def _damaged(how: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(how)
    error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
    return error


def _first_bytes(path: Path, count: int) -> bytes:
    try:
        with path.open("rb") as opened:
            return opened.read(count)
    except FileNotFoundError:
        return b""


def end_of(connection: sqlite3.Connection, first: int) -> int:
    """The offset after the last entry of a file that begins at `first`."""
    row = connection.execute("select offset + count from entries order by offset desc limit 1").fetchone()
    return int(row[0]) if row else first


def checksum(offset: int, count: int, events: bytes | None, rejected: bytes | None) -> int:
    """CRC-32 over what an entry says."""
    return zlib.crc32(rejected or b"", zlib.crc32(events or b"", zlib.crc32(b"%d,%d," % (offset, count))))


def received_checksum(offset: int, received: str) -> int:
    """CRC-32 over what an entry, or a file of those before it, says of how many it received."""
    return zlib.crc32(received.encode(), zlib.crc32(b"%d," % offset))


def pack_rejected(rejected: Sequence[DeadLetter]) -> bytes:
    """The bytes of dead letters."""
    return packed.compressed(msgspec.msgpack.encode(rejected))


def unpack(partition: int, row: Row, path: Path) -> Entry:
    """An entry from its row.

    Raises:
        DamagedEntry: its bytes are not those that were written.
    """
    offset, count, schema, events, rejected, wanted = row
    if checksum(offset, count, events, rejected) != wanted:
        raise DamagedEntry(f"{path}: the entry of offsets {offset} to {offset + count - 1} is damaged (checksum)", partition, offset, count)
    try:
        batch = packed.unpack(schema, events) if events is not None and schema is not None else None
        letters = _letters.decode(zstandard.decompress(rejected)) if rejected is not None else []
    except (zstandard.ZstdError, pa.ArrowException, ValueError, struct.error, msgspec.MsgspecError) as error:
        message = f"{path}: the entry of offsets {offset} to {offset + count - 1} cannot be unpacked: {error}"
        raise DamagedEntry(message, partition, offset, count) from None
    return Entry(partition, offset, count, batch, letters)
