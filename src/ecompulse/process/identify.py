"""Which ids are new: every id ever stored, exactly, in sorted runs on disk that memory only caches.

A run holds ids (two unsigned 64-bit words) in order, with the fingerprint of each. New ids collect in small runs in memory, which become
one file at each flush; files are merged as they grow, so there are never more than a handful. An id of UUID version 7 begins with its time:
most are later than every run, which one comparison a run shows. An id of version 4 costs a binary search in each run.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from ecompulse.log.durable import sync

Words = np.ndarray[Any, np.dtype[np.uint64]]
Order = np.ndarray[Any, np.dtype[np.int64]]

NEW: Final = 0
DUPLICATE: Final = 1
REUSED: Final = 2

UNKNOWN: Final = np.uint64(0)
"""The fingerprint of an event of which none can be compared."""

GROWTH: Final = 3
"""A run is merged into the one before it once that is less than this many times larger: so there are log₃ of them."""
ALLOCATED_BYTES: Final = 1 << 20
"""Zeros written at once where a file system cannot be asked for room."""
MERGE_ROWS: Final = 250_000
"""Ids merged at once: 20 MB of memory a step, whatever the size of the runs."""


class Run:
    """Ids in order: `hi`, `lo` and `fingerprint` of each."""

    def __init__(self, hi: Words, lo: Words, fingerprint: Words, path: Path | None = None) -> None:
        self.hi, self.lo, self.fingerprint, self.path = hi, lo, fingerprint, path
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


class Ids:
    """The ids of a store. `classify` and `freeze` are called by the engine's thread, `write` by the one that flushes."""

    def __init__(self, folder: Path, names: Sequence[str] = (), *, scheme: str = "") -> None:
        """Open the runs of the last durable flush; others that lie in the folder are leftovers and are deleted.

        Args:
            folder: where the runs are.
            names: those of the last flush.
            scheme: how today's fingerprints are made. Each run's name says how its own were; an id that is found in one of another
                scheme counts as a duplicate, whatever its content.

        Raises:
            OSError: a run is missing or cannot be read.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._ending = folder, f"-{scheme}.run"
        self._files = [_open(folder / name, comparable=name.endswith(self._ending)) for name in names]
        self._memory: list[Run] = []
        self._frozen: list[Run] = []
        self._replaced: list[Path] = []
        for path in folder.iterdir():
            if path.name not in names:
                path.unlink()

    def __len__(self) -> int:
        return sum(len(run) for run in (*self._files, *self._frozen, *self._memory))

    def classify(self, ids: bytes, fingerprint: Words) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """NEW, DUPLICATE or REUSED for each of the ids (16 bytes each, joined), in their order; the new ones are remembered."""
        words = np.frombuffer(ids, ">u8").astype(np.uint64).reshape(-1, 2)
        hi, lo = words[:, 0], words[:, 1]
        order = _in_order(hi, lo, np.argsort(hi))
        hi, lo, prints = hi[order], lo[order], fingerprint[order]
        verdict = np.full(len(order), NEW, np.uint8)
        again = np.zeros(len(order), bool)
        again[1:] = (hi[1:] == hi[:-1]) & (lo[1:] == lo[:-1])
        leader = np.maximum.accumulate(np.where(again, 0, np.arange(len(order))))  # equal ids stand as they arrived: the first leads
        first_print = prints[leader]
        known = np.zeros(len(order), bool)
        for run in (*self._files, *self._frozen, *self._memory):
            at = run.find(hi, lo)
            hit = at >= 0
            if hit.any():
                known |= hit
                first_print = np.where(hit, run.fingerprint[np.where(hit, at, 0)], first_print)
        seen = known | again
        same = (first_print == prints) | (first_print == UNKNOWN)
        verdict[seen] = np.where(same[seen], DUPLICATE, REUSED)
        fresh = ~seen
        if fresh.any():
            self._remember(Run(hi[fresh], lo[fresh], prints[fresh]))
        result = np.empty_like(verdict)
        result[order] = verdict
        return result

    def _remember(self, run: Run) -> None:
        self._memory.append(run)
        while len(self._memory) > 1 and len(self._memory[-2]) < GROWTH * len(self._memory[-1]):
            self._memory[-2:] = [_merged(self._memory[-2:])]

    def freeze(self) -> None:
        """Set aside what was remembered since the last flush, for `write`."""
        self._frozen, self._memory = [*self._frozen, *self._memory], []

    def write(self) -> list[str]:
        """Write what was set aside as a file, merge files that have grown alike, and return the names that the flush must record.

        Files that a merge replaced stay until `forget`, for the case that the flush does not succeed.
        """
        files = list(self._files)
        if self._frozen:
            files.append(_write(self._new_path(), [_merged(self._frozen)]))
        while len(files) > 1 and len(files[-2]) < GROWTH * len(files[-1]):
            two = files[-2:]
            self._replaced += [run.path for run in two if run.path is not None]
            files[-2:] = [_write(self._new_path(), two)]
        self._files, self._frozen = files, []
        return [run.path.name for run in files if run.path is not None]

    @property
    def comparable(self) -> bool:
        """Whether all fingerprints were made as today's are."""
        return all(run.path is not None and run.path.name.endswith(self._ending) for run in self._files)

    def _new_path(self) -> Path:
        return self.folder / f"{uuid.uuid4().hex}{self._ending}"

    def forget(self) -> None:
        """Delete the files that a merge replaced; called when the flush is durable."""
        for path in self._replaced:
            path.unlink(missing_ok=True)
        self._replaced = []


def _merged(runs: Sequence[Run]) -> Run:
    hi, lo, prints = (np.concatenate([getattr(run, name) for run in runs]) for name in ("hi", "lo", "fingerprint"))
    order = _in_order(hi, lo, np.argsort(hi, kind="stable"))  # the runs are in order already: this merges them
    return Run(hi[order], lo[order], prints[order])


def _in_order(hi: Words, lo: Words, order: Order) -> Order:
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


def _pieces(runs: Sequence[Run]) -> Iterator[Run]:
    """The runs merged, in pieces of bounded size."""
    largest = max(runs, key=len)
    cuts = [largest.hi[index] for index in range(MERGE_ROWS, len(largest), MERGE_ROWS)]
    starts = [0] * len(runs)
    for cut in [*cuts, None]:
        ends = [len(run) if cut is None else int(np.searchsorted(run.hi, cut)) for run in runs]
        parts = [
            Run(run.hi[start:end], run.lo[start:end], run.fingerprint[start:end])
            for run, start, end in zip(runs, starts, ends, strict=True)
            if end > start
        ]
        if parts:
            yield _merged(parts)
        starts = ends


def _write(path: Path, runs: Sequence[Run]) -> Run:
    count = sum(len(run) for run in runs)
    try:
        _allocate(path, 3 * 8 * count)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OSError(error.errno, f"{path}: {count} ids could not be written: {error.strerror}") from error
    columns = np.memmap(path, np.uint64, "r+", shape=(3, count))
    start = 0
    for piece in _pieces(runs):
        end = start + len(piece)
        columns[0, start:end], columns[1, start:end], columns[2, start:end] = piece.hi, piece.lo, piece.fingerprint
        start = end
    columns.flush()
    del columns
    sync(path)
    sync(path.parent)
    return _open(path, comparable=True)


def _allocate(path: Path, size: int) -> None:
    """Make a file with all its room: to write into a mapped hole of a full disk is no error but the end of the process (SIGBUS)."""
    with path.open("wb") as made:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(made.fileno(), 0, size)
        else:  # macOS
            for start in range(0, size, ALLOCATED_BYTES):
                made.write(bytes(min(ALLOCATED_BYTES, size - start)))


def _open(path: Path, *, comparable: bool) -> Run:
    columns = np.memmap(path, np.uint64, "r").reshape(3, -1)
    return Run(columns[0], columns[1], columns[2] if comparable else np.broadcast_to(UNKNOWN, columns.shape[1:]), path)
