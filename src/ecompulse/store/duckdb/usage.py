"""Who uses the database now: questions, each with a connection of its own, and work. While nobody does, it may forget what it keeps."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import duckdb

from ecompulse.store import QueryError, QueryTimeout, StoreError
from ecompulse.store.duckdb.connect import Database
from ecompulse.store.duckdb.memory import Memory
from ecompulse.store.duckdb.relations import ROW_GROUP_ROWS

logger = logging.getLogger(__name__)

CURSORS_MAX: Final = 16
"""Questions at once; one more waits. Each holds a connection of about 200 kB."""
CLOSING_SECONDS: Final = 1.0
"""How long interrupted questions may take to end; a database that is closed under one ends the process."""
REOPEN_ROWS: Final = 100 * ROW_GROUP_ROWS
"""Rows that are written before the database is opened anew, which takes 50 ms. It keeps in memory what it knows of each row group that it
wrote, 200 kB for one of events: 125 MB an hour at 20,000 events a second. Of those that it finds in its file it reads what is asked for."""
REOPEN_SECONDS: Final = 1.0
"""How long that waits for questions that are being answered; those that come meanwhile wait as long."""


class Lent(NamedTuple):
    """The connection of a question."""

    cursor: duckdb.DuckDBPyConnection
    registered: set[str]
    """What the question has registered there."""


class Usage:
    """The users of one database. Any thread may call any method."""

    def __init__(self, database: Database, memory_bytes: int, prepare: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
        """`memory_bytes` is what questions may use; `prepare` is called with each new connection before a question has it."""
        self._database, self._memory, self._prepare = database, Memory(database, memory_bytes), prepare
        self._lock = threading.Lock()
        self._free, self._may_ask = threading.Semaphore(CURSORS_MAX), threading.Event()
        self._may_ask.set()
        self._kept: list[duckdb.DuckDBPyConnection] = []
        self._asked: set[duckdb.DuckDBPyConnection] = set()
        self._at_work = 0
        """How many others than questions use it."""
        self._rows_written = 0
        """Since it was opened."""
        self._closing = False

    # ---- work -------------------------------------------------------------------------------------------------------

    @contextmanager
    def work(self) -> Iterator[None]:
        """While the database is used for anything but questions. What fails for want of memory has more when it is tried again."""
        with self._lock:
            self._at_work += 1
        try:
            yield
        except duckdb.Error:
            self.have_all_memory()
            raise
        finally:
            with self._lock:
                self._at_work -= 1

    def have_all_memory(self) -> None:
        """Let the database use as much as for questions, until `rest`."""
        with self._lock:
            self._memory.for_questions()

    def wrote(self, rows: int) -> None:
        """Count rows that were written."""
        with self._lock:
            self._rows_written += rows

    @property
    def due(self) -> bool:
        """Whether so much was written that the next `rest` opens the database anew."""
        return self._rows_written >= REOPEN_ROWS

    def rest(self) -> None:
        """Keep no more of the database in memory than work takes, until somebody asks; another time, while anybody uses it."""
        if self.due:
            try:
                self._reopen()
            except (duckdb.Error, StoreError) as error:
                logger.warning("the database is opened anew at its next use: %s", error)
                return
        with self._lock:
            if not self._used():
                self._memory.for_work()

    def _reopen(self) -> None:
        """Open the database anew, unless anybody uses it for longer than a moment; then after another write."""
        until = time.monotonic() + REOPEN_SECONDS
        self._may_ask.clear()
        try:
            while self._asked and not self._at_work and time.monotonic() < until:
                time.sleep(0.002)  # a question gives its connection back by itself
            with self._lock:
                if self._used():
                    return
                rows, self._rows_written = self._rows_written, 0
                self._kept.clear()
                self._database.forget()
                self._database.cursor().close()  # now, so that no question waits for it
            logger.info("the database was opened anew after %d rows", rows)
        finally:
            self._may_ask.set()

    def _used(self) -> bool:
        return bool(self._asked or self._at_work or self._closing)

    # ---- questions --------------------------------------------------------------------------------------------------

    @property
    def asked(self) -> bool:
        """Whether a question is being answered."""
        return bool(self._asked)

    @contextmanager
    def question(self, timeout_seconds: float) -> Iterator[Lent]:
        """A connection for a question, with which its transaction and what it has registered end.

        Raises:
            QueryTimeout: too many are being answered, for so long.
            QueryError: the database is closing, or cannot be opened.
        """
        self._may_ask.wait(REOPEN_SECONDS)
        if not self._free.acquire(timeout=timeout_seconds):
            raise QueryTimeout(f"{CURSORS_MAX} questions are being answered already; try again")
        try:
            lent = self._lend()
            try:
                yield lent
            finally:
                self._give_back(lent)
        finally:
            self._free.release()

    def _lend(self) -> Lent:
        with self._lock:
            if self._closing:
                raise QueryError("the store is closing; ask again in a moment")
            fresh = not self._kept
            try:
                cursor = self._database.cursor() if fresh else self._kept.pop()
            except StoreError as error:
                raise QueryError(str(error)) from None
            self._asked.add(cursor)
            self._memory.for_questions()
        lent = Lent(cursor, set())
        if fresh:
            try:
                self._prepare(cursor)
            except duckdb.Error as error:
                self._give_back(lent)
                raise QueryError(str(error)) from None
        return lent

    def _give_back(self, lent: Lent) -> None:
        cursor, again = lent.cursor, True
        try:
            cursor.rollback()
            for name in lent.registered:
                cursor.unregister(name)  # it would keep the tail's memory
        except duckdb.Error as error:
            logger.debug("a connection is not used again: %s", error)
            cursor.close()
            again = False
        with self._lock:  # at once: what is neither asked nor kept would be closed unseen when the database is opened anew
            self._asked.discard(cursor)
            if again:
                self._kept.append(cursor)

    def close(self) -> None:
        """End the questions that are being answered, and take no more."""
        with self._lock:
            self._closing = True
        until = time.monotonic() + CLOSING_SECONDS
        while self._asked and time.monotonic() < until:
            with self._lock:
                for cursor in self._asked:
                    cursor.interrupt()
            time.sleep(0.01)
