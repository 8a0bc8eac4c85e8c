"""The durable log between door and processing: what an appender and a reader may rely on.

An *offset* numbers every event that was received in a partition, accepted or rejected, from 0: so the end of the log is how many events
were ever received there, and a position in it how many of them a store has accounted for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import pyarrow as pa
from msgspec import Struct

from ecompulse.contract.columns import DeadLetter
from ecompulse.log.received import Counts

Positions = Mapping[int, int]
"""Partition → the next offset to read."""


class LogError(Exception):
    """The log cannot be written or read; the text says which file and what to do."""


class DamagedEntry(LogError):
    """An entry that is not what was written; the text names file and offsets."""

    def __init__(self, message: str, partition: int, offset: int, count: int) -> None:
        super().__init__(message)
        self.partition, self.offset, self.count = partition, offset, count


class Entry(Struct, frozen=True):
    """One durable append: `count` events received, of which `events` (columns of `LOGGED`) were accepted and `rejected` were not.

    The accepted ones have the offsets from `offset` on, the rejected ones those after them.
    """

    partition: int
    offset: int
    count: int
    events: pa.RecordBatch | None
    rejected: list[DeadLetter]

    def part(self, start: int, stop: int) -> Entry:
        """The received events from the `start`th to before the `stop`th, as an entry."""
        accepted = len(self.events) if self.events is not None else 0
        events = self.events.slice(start, min(stop, accepted) - start) if self.events is not None and start < accepted else None
        rejected = self.rejected[max(0, start - accepted) : max(0, stop - accepted)]
        return Entry(self.partition, self.offset + start, stop - start, events, rejected)


class Packed(Struct, frozen=True):
    """What one append writes, all but its offset: `count` events received, how many of each group, and the bytes of an entry."""

    count: int
    received: Counts
    schema: bytes | None
    """The columns of `events`."""
    events: bytes | None
    rejected: bytes | None


class Appender(Protocol):
    """Where collectors write. One appender owns one partition; other processes own others.

    An append has two parts, because one takes the processor and the other waits for the disk: whoever waits on a thread of its own should
    do nothing else there, or two threads hand the interpreter to and fro.
    """

    partition: int

    def pack(self, events: pa.RecordBatch | None, rejected: Sequence[DeadLetter]) -> Packed:
        """What `write` is to be given for one group of requests. Of `LOGGED` the events need only columns that hold anything.

        It changes nothing, so that any thread may call it, also while another one writes.
        """

    def write(self, packed: Packed) -> int:
        """Append what was packed; returns the first offset.

        When it returns, everything is on disk. When it raises `LogError`, nothing of the group is in the log, and never will be.
        """

    def close(self) -> None:
        """Give the partition free. Nothing may be appended afterwards."""


class Reader(Protocol):
    """Where a store reads on from its own positions."""

    def read(self, positions: Positions, events_max: int) -> list[Entry]:
        """The next entries of all partitions, in order within each, `events_max` events at most; empty at the end.

        A position may lie within an entry: then its first entry is the rest of that one, as the last may be the beginning of another.

        Raises:
            DamagedEntry: the next entry is not what was written.
        """

    def end(self) -> dict[int, int]:
        """The offset after the last durable entry, by partition."""

    def wait(self, seconds: float) -> bool:
        """Wait for an append, at most `seconds`; true when there was one."""

    def done(self, positions: Positions) -> None:
        """Say what the store has durably; what lies before may be deleted by retention."""

    def close(self) -> None:
        """Close every file."""
