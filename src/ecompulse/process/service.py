"""The engine with all that it needs, opened from a data folder, its threads, and the exchange of its store for a rebuilt one."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from ecompulse.log.sqlite import ReceivedCounts, SqliteReader
from ecompulse.log.sqlite.retain import AgeClock, begins
from ecompulse.process import stores
from ecompulse.process.engine import Engine, Limits, Watch
from ecompulse.process.fingerprint import SCHEME
from ecompulse.process.identify import Ids
from ecompulse.process.ledger import account, positions, totals
from ecompulse.process.maintenance import Maintenance
from ecompulse.process.rebuild import CannotRebuild, Rebuild, must_be_a_span, must_be_in_the_log
from ecompulse.process.remake import Remake
from ecompulse.process.step import Context, Steps
from ecompulse.store.duckdb import DuckDBStore
from ecompulse.store.duckdb.carry import Span
from ecompulse.store.duckdb.connect import Options
from ecompulse.store.duckdb.letters import Keep
from ecompulse.store.duckdb.snapshot import DuckDBSnapshot

logger = logging.getLogger(__name__)

NEAR_EVENTS: Final = 50_000
"""A rebuilt store this near to the one in use takes its place: the engine stands still for the rest, a fraction of a second."""
GRACE_SECONDS: Final = 60.0
"""How long the store that was replaced stays open at most, for the questions that were asked of it: longer than any may run."""
LOOK_SECONDS: Final = 0.5
"""How often to look whether there still are any; the first time is time enough for whoever was about to ask."""


class Config(Struct, frozen=True, kw_only=True):
    """What processing is told."""

    data: Path
    context: Context = Context()
    limits: Limits = Limits()
    store: Options = Options()
    log_keep_seconds: float = 7 * 86400.0
    log_keep_bytes: int = 20_000_000_000
    letters: Keep = Keep()


class _Line:
    """One store and the engine that fills it."""

    def __init__(self, config: Config, name: str, steps: Steps, watch: Watch | None) -> None:
        folder = stores.folder_of(config.data, name)
        self.name = name
        self.reader = SqliteReader(config.data / "log", name)
        self.store = DuckDBStore(folder, config.store)
        self.ids = Ids(folder / "ids", self.store.id_runs(), scheme=SCHEME)
        if not self.ids.comparable:
            logger.warning(
                "some fingerprints were made by another version: an id known from then counts as a duplicate whatever its content"
            )
        saved = self.store.state("steps")
        if saved:
            steps.restore(saved)
        self.engine = Engine(self.reader, self.store, self.ids, steps, config.context, limits=config.limits, watch=watch)
        self.thread = threading.Thread(target=self.engine.run, name=f"engine-{name}", daemon=True)

    def halt(self) -> None:
        """End the engine's thread; its store stays open."""
        self.engine.stop()
        if self.thread.ident is not None:
            self.thread.join()


class Processing:
    """The open store and the engine that fills it."""

    def __init__(self, config: Config, steps: Callable[[], Steps], watch: Watch | None = None) -> None:
        """Open log, store and ids; nothing runs yet. `steps` makes a new list of steps: each store has its own state of them.

        Raises:
            StoreError: the store cannot be opened.
        """
        self.config, self._steps, self._watch = config, steps, watch
        self._line = _Line(config, stores.current(config.data), steps(), watch)
        self._looker, self._looking = SqliteReader(config.data / "log"), threading.Lock()
        self._received = ReceivedCounts(config.data / "log")
        self._ended = threading.Event()
        log_keep = config.log_keep_seconds, config.log_keep_bytes
        self.maintenance = Maintenance(config.data, log_keep, config.letters, lambda: self.store)
        self._asking, self._marking = threading.Lock(), threading.Lock()
        self._rebuilding: threading.Thread | None = None
        self._exchanging = False
        self._replaced: threading.Thread | None = None
        self.rebuild: Rebuild | None = None
        """The rebuild that is under way, or the last one."""

    @property
    def store(self) -> DuckDBStore:
        """The store in use."""
        return self._line.store

    @property
    def engine(self) -> Engine:
        """The engine that fills it."""
        return self._line.engine

    def start(self) -> None:
        """Begin to process. What a rebuild that was cut off has left is deleted."""
        self._clean_up()
        try:  # a crash may have come between the store's commit and this
            self._line.reader.done(self._line.store.durable_positions())
        except OSError as error:
            logger.warning("the log was not told what the store has: %s", error)
        self._line.thread.start()
        self.maintenance.start()

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

    def ledger(self) -> dict[str, Any]:
        """What became of every event, in all and by site: see `ecompulse.process.ledger.totals`."""
        with self.store.snapshot() as snapshot:
            return totals(snapshot, self.ends(), self.as_of())

    def account(self, site: str | None = None) -> dict[str, Any]:
        """The ledger in full, both sides of it: see `ecompulse.process.ledger.account`."""
        with self.store.snapshot() as snapshot:
            ends = self.ends()
            with self._looking:
                return account(snapshot, ends, self.as_of(), self._received, site)

    def in_flight(self) -> int:
        """How many of the events in the log the store does not account for yet; it asks nothing of the store's rows."""
        return sum(one["waiting"] for one in positions(self.store.positions(), self.ends()))

    def ends(self) -> dict[int, int]:
        """The end of each partition of the log."""
        with self._looking:
            return self._looker.end()

    def mark_replayed(self, ids: Sequence[str], at_us: int) -> None:
        """Remember that dead letters were sent through the door again."""
        with self._marking:  # or a store that takes this one's place may not know
            self.store.mark_replayed(ids, at_us)

    @property
    def alive(self) -> bool:
        """Whether the engine's thread runs, or another is about to take its place."""
        return self._exchanging or self._line.thread.is_alive()

    def stop(self) -> None:
        """Take what the log holds as far as two seconds go, write everything, and close."""
        self._ended.set()
        for thread in (self._rebuilding, self._replaced):
            if thread is not None and thread.ident is not None:
                thread.join()
        self.maintenance.stop()
        self._line.halt()
        self._line.engine.close()
        self._line.store.close()

    def abandon(self) -> None:
        """Close without processing or writing anything: for those who only asked."""
        self._line.reader.close()
        self._line.store.close()

    # ---- rebuilding -----------------------------------------------------------------------------------------------------

    def start_rebuild(self, into: str, span: Span | None = None) -> Rebuild:
        """Begin to rebuild the store with today's steps, into a new store `into` that then takes the place of this one.

        Args:
            into: its name.
            span: when what is made again from the log was received; the rest is carried over from this store. None is everything.

        Raises:
            CannotRebuild: one is under way, the name is taken, there is no such span, or the log no longer holds all of it.
        """
        span = span or Span()
        with self._asking:
            if self.rebuild is not None and not self.rebuild.finished:
                raise CannotRebuild(f"the store {self.rebuild.into} is being rebuilt already; wait for it")
            try:
                folder = stores.folder_of(self.config.data, into)
            except stores.WrongName as error:
                raise CannotRebuild(str(error)) from None
            if into == self._line.name or folder.exists():
                raise CannotRebuild(f"there is a store {into} already; choose another name, or delete {folder} if nobody uses it")
            must_be_a_span(span, datetime.now(UTC))
            reader = SqliteReader(self.config.data / "log", into)
            stores.begin(self.config.data, into)  # whatever there is of it from now on is deleted if it is not built to its end
            try:
                reader.done({})  # from now on retention waits for it
                must_be_in_the_log(self.store, reader.folder, span)
            except BaseException:
                reader.forget()
                stores.finished(self.config.data)
                raise
            self.rebuild = Rebuild(into, span)
            self._rebuilding = threading.Thread(target=self._rebuild, args=(self.rebuild,), name="rebuild", daemon=True)
            self._rebuilding.start()
            return self.rebuild

    def _rebuild(self, rebuild: Rebuild) -> None:
        began = time.monotonic()
        try:
            with self._new_line(rebuild, began) as line:
                self._fill(line, rebuild, began)
                line.engine.flush()
                self.maintenance.keep_letters(line.store, AgeClock().now())  # the log may hold letters that were let go before
                self._exchanging = True
                with self.maintenance.paused:
                    self._take_over(line)
        except Exception as error:
            logger.exception("the store %s was not rebuilt", rebuild.into)
            rebuild.failure = f"{type(error).__name__}: {error}"
        self._clean_up()
        self._exchanging = False
        rebuild.seconds, rebuild.finished = time.monotonic() - began, True

    def _remake(self, rebuild: Rebuild, began: float) -> None:
        """Fill the new store up to where this one is durably: rows of the span from the log, the others from this store."""
        store = DuckDBStore(stores.folder_of(self.config.data, rebuild.into), self.config.store)
        reader = SqliteReader(self.config.data / "log", rebuild.into)

        def stopped() -> bool:
            rebuild.remade = work.done
            rebuild.taken, rebuild.of = work.done.carried + work.done.made + work.done.kept, sum(self.ends().values())
            rebuild.seconds = time.monotonic() - began
            return self._ended.is_set()

        try:
            with self.maintenance.paused:
                work = Remake(
                    self.store, store, reader=reader, log_begins=begins(reader.folder), span=rebuild.span,
                    steps=self._steps(), context=self.config.context, stopped=stopped,
                )  # fmt: skip
                work.run()
        finally:
            reader.close()
            store.close()
        if stopped():
            raise CannotRebuild("it was stopped; begin again")
        if work.done.kept:
            logger.warning("%d events are as they were: their entries in the log are damaged", work.done.kept)

    def _clean_up(self) -> None:
        """Delete what was built of a store that did not take its place, and have retention wait for the store in use alone."""
        name = stores.unfinished(self.config.data)
        if name is not None:
            logger.warning("the store %s was not built to its end, and is deleted; the store in use is whole", name)
            shutil.rmtree(stores.folder_of(self.config.data, name), ignore_errors=True)
        for other in (*stores.others(self.config.data), *([name] if name is not None else [])):
            SqliteReader(self.config.data / "log", other).forget()
        stores.finished(self.config.data)

    @contextmanager
    def _new_line(self, rebuild: Rebuild, began: float) -> Iterator[_Line]:
        if not rebuild.span.whole:
            self._remake(rebuild, began)
        line = _Line(self.config, rebuild.into, self._steps(), None)
        try:
            yield line
        finally:
            if line is not self._line:  # it did not take over
                line.ids.close()
                line.reader.close()
                line.store.close()

    def _fill(self, line: _Line, rebuild: Rebuild, began: float) -> None:
        while True:
            if self._ended.is_set():
                raise CannotRebuild("it was stopped; begin again")
            line.engine.round()
            line.engine.flush_when_due()
            rebuild.taken = sum(line.store.positions().values())
            rebuild.of, rebuild.seconds = sum(self.ends().values()), time.monotonic() - began
            if rebuild.of - rebuild.taken <= NEAR_EVENTS:
                return

    def _take_over(self, line: _Line) -> None:
        """Stop the old engine, bring the new store to where the old one is, exchange them: questions see the one or the other, whole."""
        old = self._line
        old.halt()
        with self._marking:
            try:
                with old.store.snapshot() as snapshot:
                    letters = snapshot.query(
                        "select id, epoch_us(replayed_at) as at from dead_letters where replayed_at is not null"
                    ).to_pylist()
                while any(line.store.positions().get(partition, 0) < position for partition, position in old.store.positions().items()):
                    line.engine.round()
                    line.engine.flush_when_due()
                for letter in letters:  # now that each is there
                    line.store.mark_replayed([letter["id"]], letter["at"])
                line.engine.flush()
                stores.switch(self.config.data, line.name)
            except BaseException:
                old.engine.resume()
                old.thread = threading.Thread(target=old.engine.run, name=old.thread.name, daemon=True)
                old.thread.start()
                raise
            self._line = line
        line.thread.start()
        old.engine.abandon()
        self._replaced = threading.Thread(target=self._close_later, args=(old,), name="close-old-store", daemon=True)
        self._replaced.start()

    def _close_later(self, line: _Line) -> None:
        until = time.monotonic() + GRACE_SECONDS
        while not self._ended.wait(LOOK_SECONDS) and line.store.asked and time.monotonic() < until:
            pass
        line.store.close()
