"""What is done beside the stream, every few seconds: data beyond its limits goes, and the sums of finished hours are merged."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ecompulse.log.sqlite import retain
from ecompulse.log.sqlite.retain import AgeClock
from ecompulse.observe import metrics
from ecompulse.store import StoreError
from ecompulse.store.duckdb import DuckDBStore
from ecompulse.store.duckdb.letters import Keep

logger = logging.getLogger(__name__)

PACE_SECONDS: Final = 5.0
"""How often the log is looked at for files to delete: a log at its limit refuses events until then, and a look costs a listing."""
MERGE_SECONDS: Final = 0.5
"""Of which so many at most, and one slice more, go into merging sums: a store that has many hours to merge serves and takes events."""
BEHIND_SECONDS: Final = 2.0
"""Nothing is merged while the store is this far behind what was received: it has a backlog, and wants both cores."""


class Maintenance:
    """Looks after the log and the store in use, in a thread of its own.

    Args:
        data: the data folder.
        log_keep: for how many seconds files of the log are kept, and within how many bytes.
        letters: which dead letters are kept.
        store: gives the store in use.
    """

    def __init__(self, data: Path, log_keep: tuple[float, int], letters: Keep, store: Callable[[], DuckDBStore]) -> None:
        self._log, self._log_keep, self._letters, self._store = data / "log", log_keep, letters, store
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="maintenance", daemon=True)
        self.warnings: list[str] = []
        """What of the log could not be deleted although it is beyond its limits, for people."""
        self.paused = threading.Lock()
        """Held by whoever carries the store over into another one, or exchanges it: letters that go meanwhile would be counted as gone, and
        carried over, too; and a store is not closed while something is done to it."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after what is under way."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        clock = AgeClock()
        while not self._ended.wait(PACE_SECONDS):
            self._keep_log(clock.now())
            if self.paused.acquire(blocking=False):
                try:
                    self.keep_letters(self._store(), clock.now())
                    self.merge_sums(self._store(), clock.now())
                except StoreError as error:
                    logger.warning("%s", error)
                finally:
                    self.paused.release()

    def _keep_log(self, now: float) -> None:
        try:
            done = retain(self._log, *self._log_keep, now)
        except OSError as error:
            logger.warning("the log could not be looked at for files to delete: %s", error)
            return
        for warning in done.warnings:
            if warning not in self.warnings:
                logger.warning("%s", warning)
        self.warnings = done.warnings

    def keep_letters(self, store: DuckDBStore, now: float) -> None:
        """Let dead letters of a store beyond their limits go.

        Raises:
            StoreError: the store could not be read or written.
        """
        kept = store.keep_letters(self._letters, now)
        if kept.by_age or kept.by_size:
            logger.warning(
                "dead letters were let go: %d for their age, %d for the size of all; %d are kept, and the ledger counts every one",
                kept.by_age, kept.by_size, kept.letters,
            )  # fmt: skip
        for cause, count in (("age", kept.by_age), ("size", kept.by_size)):
            metrics.LETTERS_LET_GO.labels(cause).inc(count)
        metrics.LETTERS.set(kept.letters)
        metrics.LETTER_BYTES.set(kept.bytes)

    def merge_sums(self, store: DuckDBStore, now: float) -> None:
        """Merge some of what flushes added to the sums of finished hours, unless the store is behind.

        Raises:
            StoreError: the store could not be read or written.
        """
        if store.lag_seconds() > BEHIND_SECONDS:
            return
        for table, merged in store.merge_sums(now, MERGE_SECONDS, self._ended.is_set).items():
            metrics.ROWS_MERGED.labels(table).inc(merged.before - merged.after)
