"""Appending to a partition: one transaction and one fsync a group; a new file at each start, by size, and after any failure.

A file that met an error is never written again: after a failed fsync nobody knows which of its last pages are on disk, and SQLite's
write-ahead log is a chain, in which a later entry is only as safe as the one before it. The next file's name says where the old one ended,
so that what may lie behind that point in the old one is never read.
"""

from __future__ import annotations

import fcntl
import logging
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

import pyarrow as pa

from ecompulse.contract.columns import DeadLetter
from ecompulse.log import LogError, Packed
from ecompulse.log.durable import sync
from ecompulse.log.received import Counts, add, count
from ecompulse.log.received import pack as pack_counts
from ecompulse.log.sqlite import file, packed
from ecompulse.log.sqlite.counts import before, between
from ecompulse.log.sqlite.end import EndMark, told_end
from ecompulse.log.sqlite.exchange import companion, exchange
from ecompulse.log.sqlite.fold import Folding
from ecompulse.log.sqlite.retain import positions_of_readers
from ecompulse.log.sqlite.salvage import salvage

FILE_BYTES: Final = 64 * 1024 * 1024
"""A file is rolled at this size of its entries: about a million events."""
PARTITIONS_MAX: Final = 256

logger = logging.getLogger(__name__)


class SqliteAppender:
    """The one appender of a partition; see `ecompulse.log.Appender`. Used from one thread at a time."""

    def __init__(self, folder: Path, partition: int | None = None, bytes_max: int | None = None, file_bytes: int = FILE_BYTES) -> None:
        """Take a partition: the one named, or the first that nobody appends to.

        Args:
            folder: the log's folder; made if it is not there.
            partition: its number, or None for any.
            bytes_max: the size of the partition from which on appends are refused.
            file_bytes: the size at which a file is rolled.

        Raises:
            LogError: the partition has an appender already, or the folder cannot be written.
        """
        self.folder, self.bytes_max, self.file_bytes = folder, bytes_max, file_bytes
        self.partition, self._lock = take(folder, partition)
        self._file: sqlite3.Connection | None = None
        self._folding = Folding(folder)
        self._formats: dict[bytes, int] = {}
        self._path = folder
        self._written = 0
        self._received: Counts = {}
        try:
            self._end = self._recover()
            self._closed_bytes = self._bytes_on_disk()
            self._mark = EndMark(folder / str(self.partition))
        except (sqlite3.Error, OSError) as error:
            self._lock.close()
            raise LogError(f"{folder}/{self.partition}: the log cannot be opened: {error}; `ecompulse doctor` says what to do") from error

    @property
    def end(self) -> int:
        """The offset that the next event gets."""
        return self._end

    def append(self, events: pa.RecordBatch | None, rejected: Sequence[DeadLetter]) -> int:
        """Pack and write in one."""
        return self.write(self.pack(events, rejected))

    def pack(self, events: pa.RecordBatch | None, rejected: Sequence[DeadLetter]) -> Packed:
        """See `ecompulse.log.Appender.pack`."""
        accepted = len(events) if events is not None else 0
        schema, content = packed.pack(events) if events is not None and accepted else (None, None)
        letters = file.pack_rejected(rejected) if rejected else None
        return Packed(accepted + len(rejected), count(events, rejected), schema, content, letters)

    def write(self, entry: Packed) -> int:
        """See `ecompulse.log.Appender.write`."""
        if not entry.count:
            return self._end
        self._refuse_when_full()
        offset, told = self._end, pack_counts(entry.received)
        try:
            connection = self._file or self._start()
            new_format = entry.schema is not None and entry.schema not in self._formats
            if new_format:
                connection.execute("begin immediate")
            row = (
                offset, entry.count, told, file.received_checksum(offset, told), self._format(connection, entry.schema),
                entry.events, entry.rejected, file.checksum(offset, entry.count, entry.events, entry.rejected),
            )  # fmt: skip
            connection.execute(file.APPEND, row)  # a transaction of its own: each statement more is a wait for the interpreter
            if new_format:
                connection.execute("commit")
        except (sqlite3.Error, OSError) as error:
            self._abandon()
            raise LogError(f"{self._path}: the append failed: {error}") from error
        self._end = offset + entry.count
        self._mark.tell(self._end)
        add(self._received, entry.received)
        size = len(entry.events or b"") + len(entry.rejected or b"")
        self._written += size
        if self._written >= self.file_bytes:
            self._roll()
        else:
            self._fold(connection, size)
        return offset

    def begin(self) -> None:
        """Make the next file before there is anything to append, so that a gap before it is seen at once.

        Raises:
            LogError: it cannot be made.
        """
        try:
            if self._file is None:
                self._start()
        except (sqlite3.Error, OSError) as error:
            raise LogError(f"{self._path}: the file cannot be made: {error}") from error

    def close(self) -> None:
        """See `ecompulse.log.Appender.close`."""
        if self._file is not None:
            self._folding.close()
            self._file.close()
            self._file = None
        self._mark.close()
        self._lock.close()

    def _recover(self) -> int:
        """Where the partition ends. Files that a stopped or killed process left are made whole beside the appends."""
        first = file.firsts(self.folder, self.partition)
        end, told = 0, told_end(self.folder / str(self.partition))
        if first:
            with _Closing(file.open_existing(file.path_of(self.folder, self.partition, first[-1]))) as connection:
                connection.executescript(file.SCHEMA)
                end = file.end_of(connection, first[-1])
                if told > end:
                    end = self._rescued(first, end)  # while it is open: SQLite deletes a write-ahead log that it cannot follow to the end
            self._received = before(self.folder, self.partition, first)
            add(self._received, between(file.path_of(self.folder, self.partition, first[-1]), first[-1], end))
        left = [path for path in (file.path_of(self.folder, self.partition, offset) for offset in first) if _wal(path)]
        if left:
            threading.Thread(target=_settle, args=(left,), name="log-settle", daemon=True).start()
        had = max((positions.get(self.partition, 0) for positions in positions_of_readers(self.folder).values()), default=0)
        if max(had, told) > end:
            logger.warning(
                "%s/%d: the log ends at offset %d, but %d events stood behind it, of which a store has had %d: the end of a file was lost. "
                "New events begin behind them", self.folder, self.partition, end, max(had, told) - end, max(0, had - end),
            )  # fmt: skip
        return max(end, had, told)

    def _rescued(self, firsts: list[int], end: int) -> int:
        """Save what stands behind a damaged place of the newest file's write-ahead log; returns where the file ends then."""
        path = file.path_of(self.folder, self.partition, firsts[-1])
        found = salvage(path, companion(path, "-wal"))
        saved = [entry for entry in found.entries.values() if entry[0] >= end]
        if not saved:
            return end
        aside = exchange(self.folder, self.partition, firsts, found)
        logger.warning(
            "%s is damaged behind offset %d; %d events behind that were saved, and it was set aside as %s",
            path, end, sum(entry[1] for entry in saved), aside,
        )  # fmt: skip
        return max(entry[0] + entry[1] for entry in saved)

    def _start(self) -> sqlite3.Connection:
        path = file.path_of(self.folder, self.partition, self._end)
        self._path = path
        self._make(path)
        connection = file.open_existing(path)
        try:
            connection.execute("pragma synchronous = full")
            connection.execute("pragma fullfsync = on")  # macOS: a true flush
            connection.execute("pragma wal_autocheckpoint = 0")  # checkpoints belong off the acknowledging path: see `fold`
        except BaseException:
            connection.close()
            raise
        self._file, self._folding, self._formats, self._written = connection, Folding(path), {}, 0
        return connection

    def _make(self, path: Path) -> None:
        """Make an empty file of the log, whole from the moment at which it has its name: readers look for it all the time."""
        fresh = path.with_suffix(".new")
        _remove(fresh)
        with _Closing(file.open_file(fresh)) as connection:
            connection.execute(f"pragma page_size = {file.PAGE_BYTES}")
            connection.execute("pragma fullfsync = on")
            connection.executescript(f"begin immediate; {file.SCHEMA}")
            carried = pack_counts(self._received)
            connection.execute("insert into carried values (?, ?, ?)", (self._end, carried, file.received_checksum(self._end, carried)))
            connection.execute("commit")
            connection.execute("pragma journal_mode = wal")
        if path.exists():
            _remove(path)  # it holds no entry: its name would be lower otherwise
        fresh.replace(path)
        sync(path.parent)

    def _format(self, connection: sqlite3.Connection, schema: bytes | None) -> int | None:
        if schema is None:
            return None
        known = self._formats.get(schema)
        if known is None:
            known = connection.execute(
                "insert into formats (schema) values (?) on conflict do update set id = id returning id", [schema]
            ).fetchone()[0]
            self._formats[schema] = known
        return known

    def _fold(self, connection: sqlite3.Connection, size: int) -> None:
        """Keep the write-ahead log small; what was appended is safe whether that goes well or not."""
        try:
            self._folding.appended(connection, size)
        except sqlite3.Error as error:
            logger.warning("%s: its write-ahead log could not be moved into it, so a new file is begun: %s", self._path, error)
            self._abandon()

    def _roll(self) -> None:
        if self._file is not None:
            old, self._file = self._file, None
            self._closed_bytes, self._written = self._bytes_on_disk(), 0
            threading.Thread(target=_finish, args=(old, self._folding, self._path), name="log-roll", daemon=True).start()

    def _abandon(self) -> None:
        """Leave the file for good: what was acknowledged in it stays, and nothing is added to it."""
        connection, self._file, self._formats = self._file, None, {}
        if connection is not None:
            try:
                self._folding.close()
                connection.close()
            except sqlite3.Error as error:
                logger.warning("closing a failed log file: %s", error)
        # The file may be the one that begins at the current end: then it holds nothing, and the next append makes it anew.

    def _refuse_when_full(self) -> None:
        if self.bytes_max is not None and self._closed_bytes + self._written > self.bytes_max:
            self._closed_bytes = self._bytes_on_disk()  # retention may have made room
            if self._closed_bytes > self.bytes_max:
                raise LogError(
                    f"{self.folder}/{self.partition}: the log has {self._closed_bytes:,} bytes, its limit is {self.bytes_max:,}; "
                    "it shrinks when the store has caught up"
                )

    def _bytes_on_disk(self) -> int:
        return file.bytes_of(self.folder, self.partition)


def take(folder: Path, partition: int | None) -> tuple[int, IO[bytes]]:
    """The partition named, or the first that nobody appends to, and the lock that keeps others out until it is closed.

    Raises:
        LogError: there is none, or the folder cannot be written.
    """
    for number in range(PARTITIONS_MAX) if partition is None else (partition,):
        try:
            (folder / str(number)).mkdir(parents=True, exist_ok=True)
            lock = (folder / str(number) / "lock").open("ab")
        except OSError as error:
            raise LogError(f"{folder}: the log's folder cannot be written: {error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return number, lock
    which = "every partition" if partition is None else f"partition {partition}"
    raise LogError(f"{folder}: {which} has a collector that appends to it already; stop it, or choose another partition")


def _finish(connection: sqlite3.Connection, folding: Folding, path: Path) -> None:
    folding.close()
    connection.close()  # the last connection to close would checkpoint too, but a reader usually has one open
    _settle([path])


def _settle(paths: list[Path]) -> None:
    """Move the write-ahead log of closed files into them; harmless to repeat, and to miss."""
    for path in paths:
        if not path.exists():
            continue  # retention has deleted it
        try:
            with _Closing(file.open_existing(path)) as connection:
                connection.execute("pragma wal_checkpoint(truncate)")
        except sqlite3.Error as error:
            logger.warning("%s: its write-ahead log stays beside it: %s", path, error)


class _Closing:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __enter__(self) -> sqlite3.Connection:
        return self.connection

    def __exit__(self, *_: object) -> None:
        self.connection.close()


def _wal(path: Path) -> bool:
    return file.size_of(companion(path, "-wal")) > 0


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        companion(path, suffix).unlink(missing_ok=True)
