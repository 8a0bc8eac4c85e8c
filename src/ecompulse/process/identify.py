"""Which ids are new: every id ever stored, exactly, in sorted runs on disk that memory only caches.

New ids collect in small runs in memory, which become one file at each flush; files are merged as they grow, so there are never more than a
handful. Small ones are merged by the flush, large ones beside it. An id of UUID version 7 begins with its time: most are later than every
run, which one comparison a run shows. An id of version 4 costs a binary search in each run.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from ecompulse.process.runs import UNKNOWN, Run, Words, in_order, merged, open_run, write_run

logger = logging.getLogger(__name__)

NEW: Final = 0
DUPLICATE: Final = 1
REUSED: Final = 2

GROWTH: Final = 3
"""A run is merged into the one before it once that is less than this many times larger: so there are log₃ of them."""
AT_ONCE_ROWS: Final = 1_000_000
"""Ids that a flush merges itself: a tenth of a second. It must not wait for a hundred million, as the tail fills meanwhile."""


class _Stopped(Exception):
    """A merge ends, as nobody wants it any more."""


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
        self._files = [open_run(folder / name, comparable=name.endswith(self._ending)) for name in names]
        self._memory: list[Run] = []
        self._frozen: list[Run] = []
        self._replaced: list[Path] = []
        self._merging: tuple[Run, Run, Future[Run]] | None = None
        """Two files that are being merged beside the flushes."""
        self._merger = ThreadPoolExecutor(1, "ids")
        self._stopping = threading.Event()
        for path in folder.iterdir():
            if path.name not in names:
                path.unlink()

    def __len__(self) -> int:
        return sum(len(run) for run in (*self._files, *self._frozen, *self._memory))

    def classify(self, ids: bytes, fingerprint: Words) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """NEW, DUPLICATE or REUSED for each of the ids (16 bytes each, joined), in their order; the new ones are remembered."""
        words = np.frombuffer(ids, ">u8").astype(np.uint64).reshape(-1, 2)
        hi, lo = words[:, 0], words[:, 1]
        order = in_order(hi, lo, np.argsort(hi))
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
            self._memory[-2:] = [merged(self._memory[-2:])]

    def freeze(self) -> None:
        """Set aside what was remembered since the last flush, for `write`."""
        self._frozen, self._memory = [*self._frozen, *self._memory], []

    def write(self) -> list[str]:
        """Write what was set aside as a file, merge files that have grown alike, and return the names that the flush must record.

        Files that a merge replaced stay until `forget`, for the case that the flush does not succeed.
        """
        files = self._with_merged(self._files)
        if self._frozen:
            files.append(write_run(self._new_path(), [merged(self._frozen)]))
        while len(two := files[-2:]) == 2 and _alike(*two) and sum(map(len, two)) <= AT_ONCE_ROWS and not self._is_merging(two[0]):
            files[-2:] = [write_run(self._new_path(), two)]
            self._replaced += [run.path for run in two if run.path is not None]
        self._files, self._frozen = files, []
        self._merge_beside()
        return [run.path.name for run in files if run.path is not None]

    def close(self) -> None:
        """End a merge that is under way; its files stay as they are."""
        self._stopping.set()
        self._merger.shutdown()

    def _is_merging(self, run: Run) -> bool:
        return self._merging is not None and run in self._merging[:2]

    def _merge_beside(self) -> None:
        """Begin to merge two files that have grown alike, while flushes go on; the one that comes after its end takes it up."""
        two = next((pair for pair in pairwise(self._files) if _alike(*pair)), None)
        if two is not None and self._merging is None and not self._stopping.is_set():
            self._merging = (*two, self._merger.submit(write_run, self._new_path(), two, _Turns(self._stopping)))

    def _with_merged(self, files: Sequence[Run]) -> list[Run]:
        """The files, with the one that two were merged into in their place, if that has ended."""
        if self._merging is None or not self._merging[2].done():
            return list(files)
        first, second, merging = self._merging
        self._merging = None
        try:
            run = merging.result()
        except OSError as error:
            logger.warning("ids are merged another time: %s", error)
            return list(files)
        self._replaced += [one.path for one in (first, second) if one.path is not None]
        return [run if one is first else one for one in files if one is not second]

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


def _alike(before: Run, after: Run) -> bool:
    return len(before) < GROWTH * len(after)


class _Turns:
    """Called between pieces of work: lets as much time go by as a piece took, for the cores are wanted by others.

    Raises:
        _Stopped: it is to end.
    """

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping, self._since = stopping, time.monotonic()

    def __call__(self) -> None:
        if self._stopping.wait(time.monotonic() - self._since):
            raise _Stopped
        self._since = time.monotonic()
