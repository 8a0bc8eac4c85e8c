"""The engine with all that it needs, opened from a data folder, and its thread."""

from __future__ import annotations

import logging
import threading
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from ecompulse.log.sqlite import SqliteReader, retain
from ecompulse.process.engine import Engine, Limits, Watch
from ecompulse.process.fingerprint import SCHEME
from ecompulse.process.identify import Ids
from ecompulse.process.ledger import grouped, totals
from ecompulse.process.step import Context, Steps
from ecompulse.store.duckdb import DuckDBStore
from ecompulse.store.duckdb.database import DuckDBSnapshot, Options

logger = logging.getLogger(__name__)

RETENTION_SECONDS: Final = 30.0
"""How often the log is looked at for files to delete."""


class Config(Struct, frozen=True, kw_only=True):
    """What processing is told."""

    data: Path
    context: Context = Context()
    limits: Limits = Limits()
    store: Options = Options()
    log_keep_seconds: float = 7 * 86400.0
    log_keep_bytes: int = 20_000_000_000


class Processing:
    """The open store and the engine that fills it."""

    def __init__(self, config: Config, steps: Steps, watch: Watch | None = None) -> None:
        """Open log, store and ids; nothing runs yet.

        Raises:
            StoreError: the store cannot be opened.
        """
        self.config = config
        self.reader = SqliteReader(config.data / "log")
        self.store = DuckDBStore(config.data / "store", config.store)
        scheme = self.store.state("fingerprints")
        comparable = scheme is None or scheme == SCHEME.encode()
        if not comparable:
            logger.warning("fingerprints were made by another version (%s): a known id counts as a duplicate whatever its content", scheme)
        self.ids = Ids(config.data / "store" / "ids", self.store.id_runs(), comparable=comparable)
        saved = self.store.state("steps")
        if saved:
            steps.restore(saved)
        self.engine = Engine(self.reader, self.store, self.ids, steps, config.context, limits=config.limits, watch=watch)
        self.warnings: list[str] = []
        self._looker, self._looking = SqliteReader(config.data / "log"), threading.Lock()
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self.engine.run, name="engine", daemon=True),
            threading.Thread(target=self._retain, name="retention", daemon=True),
        ]

    def start(self) -> None:
        """Begin to process."""
        for thread in self._threads:
            thread.start()

    # ---- what is asked of it: see `ecompulse.analyze.reading.Readable` --------------------------------------------------

    def snapshot(self, timeout_seconds: float = 30.0) -> AbstractContextManager[DuckDBSnapshot]:
        """A consistent picture of the store."""
        return self.store.snapshot(timeout_seconds)

    def as_of(self) -> datetime:
        """The time up to which everything received can be asked for."""
        return self.store.as_of()

    def lag_seconds(self) -> float:
        """How long ago that was."""
        return self.store.lag_seconds()

    def ledger(self, by: str | None = None) -> dict[str, Any]:
        """What became of every event: in all, or by site, dialect, key or type."""
        with self.store.snapshot() as snapshot:
            return totals(snapshot, self._ends(), self.as_of()) if by is None else grouped(snapshot, by)

    def _ends(self) -> dict[int, int]:
        with self._looking:
            return self._looker.end()

    @property
    def alive(self) -> bool:
        """Whether the engine's thread runs."""
        return self._threads[0].is_alive()

    def stop(self) -> None:
        """Take what the log holds as far as two seconds go, write everything, and close."""
        self._ended.set()
        self.engine.stop()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self.engine.close()
        self.store.close()

    def abandon(self) -> None:
        """Close without processing or writing anything: for those who only asked."""
        self.reader.close()
        self.store.close()

    def _retain(self) -> None:
        while not self._ended.wait(RETENTION_SECONDS):
            done = retain(self.config.data / "log", self.config.log_keep_seconds, self.config.log_keep_bytes)
            for warning in done.warnings:
                logger.warning("%s", warning)
            self.warnings = done.warnings
