"""Sorted runs of ids: what one holds, how it becomes a file, and how several become one.

A file holds three columns of 64-bit words, one behind the other: upper word, lower word and fingerprint of each id, in order. It is mapped
to be searched. Merging reads and writes it in pieces, so that its memory is bounded whatever the size of the runs.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from ecompulse.log.durable import sync

Words = np.ndarray[Any, np.dtype[np.uint64]]
Order = np.ndarray[Any, np.dtype[np.int64]]

UNKNOWN: Final = np.uint64(0)
"""The fingerprint of an event of which none can be compared."""
MERGE_ROWS: Final = 250_000
"""Ids of each run that are merged at once: 20 MB of memory a step, whatever the size of the runs."""
ALLOCATED_BYTES: Final = 1 << 20
"""Zeros written at once where a file system cannot be asked for room."""
_WORD: Final = 8


class Run:
    """Ids in order: `hi`, `lo` and `fingerprint` of each."""

    def __init__(self, hi: Words, lo: Words, fingerprint: Words, path: Path | None = None, mapped: mmap.mmap | None = None) -> None:
        self.hi, self.lo, self.fingerprint, self.path, self._mapped = hi, lo, fingerprint, path, mapped
        self.least: np.uint64 = hi[0] if len(hi) else np.uint64(1)
        self.greatest: np.uint64 = hi[-1] if len(hi) else np.uint64(0)

    def __len__(self) -> int:
        return len(self.hi)

    def find(self, hi: Words, lo: Words) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The index of each id, -1 where it is not in the run."""
        found = np.full(len(hi), -1, np.int64)
        near = np.flatnonzero((hi >= self.least) & (hi <= self.greatest))
        if not len(near):
            return found
        wanted_hi, wanted_lo = hi[near], lo[near]
        at = np.searchsorted(self.hi, wanted_hi)
        open_rows = np.arange(len(near))
        while len(open_rows):  # ids may share their upper word: step through those, once for nearly all
            here = at[open_rows]
            inside = here < len(self.hi)
            open_rows, here = open_rows[inside], here[inside]
            same = self.hi[here] == wanted_hi[open_rows]
            open_rows, here = open_rows[same], here[same]
            hit = self.lo[here] == wanted_lo[open_rows]
            found[near[open_rows[hit]]] = here[hit]
            open_rows = open_rows[~hit]
            at[open_rows] += 1
        return found

    def part(self, start: int, stop: int) -> Run:
        """The ids from `start` to before `stop`."""
        return Run(self.hi[start:stop], self.lo[start:stop], self.fingerprint[start:stop])

    def before(self, hi: int, lo: int) -> int:
        """How many ids come before one."""
        first, last = (int(np.searchsorted(self.hi, np.uint64(hi), side)) for side in ("left", "right"))
        return first + int(np.searchsorted(self.lo[first:last], np.uint64(lo)))

    def let_go(self) -> None:
        """Hold no page of the file in this process's memory; those that are looked at come back."""
        if self._mapped is not None:
            self._mapped.madvise(mmap.MADV_DONTNEED)


def merged(runs: Sequence[Run]) -> Run:
    """The ids of all runs, in memory."""
    if len(runs) == 1:
        return runs[0]
    hi, lo, prints = (np.concatenate([getattr(run, name) for run in runs]) for name in ("hi", "lo", "fingerprint"))
    order = in_order(hi, lo, np.argsort(hi, kind="stable"))  # the runs are in order already: this merges them
    return Run(hi[order], lo[order], prints[order])


def in_order(hi: Words, lo: Words, order: Order) -> Order:
    """The order of ids, equal ones as they stand, from one by their upper words alone.

    Ids of version 7 share their upper word now and then, which holds their time. Only those are sorted by both: to sort all takes five
    times as long.
    """
    ordered = hi[order]
    same = ordered[1:] == ordered[:-1]
    if same.any():
        shared = np.zeros(len(order), bool)
        shared[1:] = same
        shared[:-1] |= same
        some = order[shared]
        order[shared] = some[np.lexsort((some, lo[some], hi[some]))]
    return order


def pieces(runs: Sequence[Run]) -> Iterator[Run]:
    """The runs merged, in pieces of at most `MERGE_ROWS` ids of each: all of them are cut wherever one has had so many."""
    cuts = sorted((int(run.hi[index]), int(run.lo[index])) for run in runs for index in range(MERGE_ROWS, len(run), MERGE_ROWS))
    starts = [0] * len(runs)
    for ends in chain(([run.before(*cut) for run in runs] for cut in cuts), [list(map(len, runs))]):
        parts = [run.part(start, end) for run, start, end in zip(runs, starts, ends, strict=True) if end > start]
        if parts:
            yield merged(parts)
        starts = ends


def write_run(path: Path, runs: Sequence[Run], between: Callable[[], None] = lambda: None) -> Run:
    """Write the ids of all runs as one file, which is durable when this returns. `between` is called after each piece, and may raise.

    Raises:
        OSError: there is no room, or the disk fails. As whenever this raises, the file is gone.
    """
    count = sum(len(run) for run in runs)
    try:
        with path.open("w+b") as file:
            _allocate(file, 3 * _WORD * count)
            start = 0
            for piece in pieces(runs):
                for column, words in enumerate((piece.hi, piece.lo, piece.fingerprint)):
                    file.seek(_WORD * (column * count + start))
                    file.write(np.ascontiguousarray(words).data)
                file.flush()
                os.fsync(file.fileno())  # little by little: the log waits for the same disk
                start += len(piece)
                for run in runs:
                    run.let_go()
                between()
        sync(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OSError(error.errno, f"{path}: {count} ids could not be written: {error.strerror}") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return open_run(path, comparable=True)


def open_run(path: Path, *, comparable: bool) -> Run:
    """The ids of a file. Where their fingerprints are not `comparable` with today's, none is known.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    columns = np.frombuffer(mapped, np.uint64).reshape(3, -1)
    return Run(columns[0], columns[1], columns[2] if comparable else np.broadcast_to(UNKNOWN, columns.shape[1:]), path, mapped)


def _allocate(file: BinaryIO, size: int) -> None:
    """Give a file all its room, so that a disk that has none is known before anything is merged."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:  # macOS
        file.writelines(bytes(min(ALLOCATED_BYTES, size - start)) for start in range(0, size, ALLOCATED_BYTES))
