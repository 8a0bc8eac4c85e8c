"""Dead letters through the door again: read as when they came, checked, appended to the log, and marked; each at most once."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
import pyarrow as pa

from ecompulse.contract.columns import LOGGED
from ecompulse.guard.privacy import scrub
from ecompulse.log import LogError
from ecompulse.log.sqlite import SqliteAppender, file
from ecompulse.run.replays import Replays
from ecompulse.serve.state import Letter, Replayed, ReplayFailed
from ecompulse.store import QueryError, Snapshot

if TYPE_CHECKING:
    from ecompulse.collect.config import Addresses

logger = logging.getLogger(__name__)

PARTITION: Final = 255
"""The partition of the log that takes replays: collectors take the numbers from 0 on."""
LOOK_SECONDS: Final = 5.0
"""How often marks are looked after that a crash or a store made anew took."""
SETTLED_SECONDS: Final = 60.0
"""A mark this old is durable, and no exchange of the store was under way when it was made."""
BEHIND_SECONDS: Final = 60.0
"""A store this far behind the log may yet meet the letter."""
FORGET_SECONDS: Final = 3_600.0
"""How often notes of letters that are nowhere any more are deleted."""
_NAMESPACE: Final = uuid.UUID("6f1d3c1e-6a52-5f0b-9f3e-3f7f2b1c9d10")


class Marked(Protocol):
    """What this needs of the store in use."""

    def mark_replayed(self, ids: Sequence[str], at_us: int) -> None:
        """Remember that dead letters were replayed."""

    def snapshot(self, timeout_seconds: float) -> AbstractContextManager[Snapshot]:
        """A consistent picture."""

    def lag_seconds(self) -> float:
        """How far the store is behind the log."""


class Letters:
    """Replays dead letters, from whatever thread. No letter becomes two events, however it was corrected and whatever was killed."""

    def __init__(self, data: Path, store: Marked, ip_addresses: Addresses) -> None:
        self._log, self._store, self._ip_addresses = data / "log", store, ip_addresses
        self._opened: tuple[SqliteAppender, Replays] | None = None
        self._one = threading.Lock()
        self._unsettled: dict[str, int] | None = None
        self._forgot_at = 0.0

    def replay(self, letters: Sequence[Letter]) -> list[Replayed]:
        """Send letters through the door again, and say what became of each.

        A letter without an event id gets one that is always the same. One that was replayed before is left alone.

        Raises:
            ReplayFailed: the log cannot be written; of these letters none was taken.
        """
        with self._one:
            try:
                return self._replay(letters)
            except (LogError, OSError, sqlite3.Error) as error:
                raise ReplayFailed(f"{self._log}: the letters could not be written: {error}") from error

    def _replay(self, letters: Sequence[Letter]) -> list[Replayed]:
        appender, replays = self._open()
        before, now_us = replays.among([letter.id for letter in letters], appender.end), time.time_ns() // 1000
        taken: dict[str, pa.RecordBatch] = {}
        outcomes: list[Replayed] = []
        for letter in letters:
            known = before.get(letter.id) or (now_us if letter.id in taken else None)
            if known is not None or letter.replayed_at is not None:
                outcomes.append(Replayed(letter.id, "already", at=_time(known) if known is not None else letter.replayed_at))
                continue
            read = _read(letter, now_us)
            if isinstance(read, Replayed):
                outcomes.append(read)
            else:
                taken[letter.id] = read
                outcomes.append(Replayed(letter.id, "accepted", event_id=str(uuid.UUID(bytes=read.column("event_id")[0].as_py()))))
        if taken:
            batch = pa.Table.from_batches(taken.values(), LOGGED).combine_chunks().to_batches()[0]
            replays.note({letter: appender.end + at for at, letter in enumerate(taken)}, now_us, appender.end)
            appender.append(scrub(batch, self._ip_addresses), [])
            self._store.mark_replayed(list(taken), now_us)
            if self._unsettled is not None:
                self._unsettled.update(dict.fromkeys(taken, now_us))
        return outcomes

    # ---- marks that were lost ---------------------------------------------------------------------------------------------

    def look_after_marks(self, ended: threading.Event) -> None:
        """Until `ended`: see that the store in use shows each replayed letter as replayed. A thread's work."""
        while not ended.wait(LOOK_SECONDS):
            try:
                self.settle()
            except (LogError, QueryError, OSError, sqlite3.Error) as error:
                logger.warning("whether every replayed letter is marked could not be looked up: %s", error)

    def settle(self) -> None:
        """Mark replayed letters whose mark the store does not have: it was killed before it was written, or it was made anew."""
        if self._opened is None and not self._path.exists():
            return
        with self._one:
            appender, replays = self._open()
            if self._unsettled is None:
                self._unsettled = replays.all(appender.end)
            if self._unsettled:
                self._settle(self._unsettled)
            elif time.monotonic() - self._forgot_at > FORGET_SECONDS:
                self._forgot_at = time.monotonic()
                self._forget(appender, replays)

    def _settle(self, unsettled: dict[str, int]) -> None:
        behind = self._store.lag_seconds() > BEHIND_SECONDS
        marked = self._marked(list(unsettled))
        old_us = (time.time() - SETTLED_SECONDS) * 1e6
        for letter, at_us in list(unsettled.items()):
            if marked.get(letter) is False:
                self._store.mark_replayed([letter], at_us)
            elif at_us < old_us and not (letter not in marked and behind):
                del unsettled[letter]

    def _forget(self, appender: SqliteAppender, replays: Replays) -> None:
        begins = {partition: min(file.firsts(self._log, partition), default=0) for partition in file.partitions(self._log)}
        out_of_log = [letter for letter in replays.all(appender.end) if _offset(letter) < begins.get(_partition(letter), 0)]
        if out_of_log:
            held = self._marked(out_of_log)
            replays.forget(letter for letter in out_of_log if letter not in held)

    def _marked(self, letters: list[str]) -> dict[str, bool]:
        """Those of these letters that the store has → whether it shows them as replayed."""
        sql = "select id, replayed_at is not null as marked from dead_letters where id = any($ids::varchar[])"
        with self._store.snapshot(30) as snapshot:
            return {row["id"]: row["marked"] for row in snapshot.query(sql, {"ids": letters}).to_pylist()}

    # ---- the files ----------------------------------------------------------------------------------------------------------

    @property
    def _path(self) -> Path:
        return self._log / "replays.sqlite"

    def _open(self) -> tuple[SqliteAppender, Replays]:
        if self._opened is None:
            appender = SqliteAppender(self._log, PARTITION)
            try:
                self._opened = appender, Replays(self._path)
            except BaseException:
                appender.close()
                raise
        return self._opened

    def close(self) -> None:
        """Give the partition free."""
        with self._one:
            if self._opened is not None:
                appender, replays = self._opened
                replays.close()
                appender.close()
                self._opened = None


def _read(letter: Letter, now_us: int) -> pa.RecordBatch | Replayed:
    """The one event of a letter as a row for the log, or why it is still wrong."""
    # What reads and checks events is the collector's, 0.1 s of a start that processing does without until somebody mends a letter.
    from ecompulse.collect.dialects.again import read_again
    from ecompulse.contract.check import check
    from ecompulse.contract.unreadable import Unreadable

    try:
        read = read_again(letter.dialect, letter.body, letter.site)
    except Unreadable as error:
        return Replayed(letter.id, "rejected", "", str(error))
    if read.rejected or len(read.events) != 1:
        wrong = read.rejected[0] if read.rejected else None
        return Replayed(letter.id, "rejected", wrong.field if wrong else "", wrong.reason if wrong else "holds no event, or several")
    event = read.events[0]
    if event.event_id is None:
        event.event_id = str(uuid.uuid5(_NAMESPACE, letter.id))
    elif letter.field == "event_id" and event.event_id == _event_id(letter.original):
        return Replayed(letter.id, "rejected", "event_id", f"{letter.reason}; give it another one, or none (null) and it gets its own")
    checked = check([event], now_us, letter.site, letter.dialect, letter.sender_key)
    if checked.violations:
        return Replayed(letter.id, "rejected", checked.violations[0].field, checked.violations[0].reason)
    return checked.batch


def _event_id(body: bytes) -> str | None:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found.get("event_id") if isinstance(found, dict) else None


def _partition(letter: str) -> int:
    return int(letter.partition("-")[0])


def _offset(letter: str) -> int:
    return int(letter.partition("-")[2])


def _time(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us / 1e6, UTC)
