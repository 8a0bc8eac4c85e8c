"""Dead letters through the door again: read as when they came, checked, appended to the log, and marked."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from ecompulse.collect.config import Addresses
from ecompulse.collect.dialects.again import read_again
from ecompulse.contract.check import check
from ecompulse.contract.read import Unreadable
from ecompulse.guard.privacy import scrub
from ecompulse.log.sqlite import SqliteAppender
from ecompulse.serve.state import Letter, Replayed

PARTITION: Final = 255
"""The partition of the log that takes replays: collectors take the numbers from 0 on."""
_NAMESPACE: Final = uuid.UUID("6f1d3c1e-6a52-5f0b-9f3e-3f7f2b1c9d10")


class Letters:
    """Replays dead letters, from whatever thread."""

    def __init__(self, data: Path, mark: Callable[[Sequence[str], int], None], ip_addresses: Addresses) -> None:
        self._data, self._mark, self._ip_addresses = data, mark, ip_addresses
        self._appender: SqliteAppender | None = None
        self._one = threading.Lock()

    def replay(self, letters: Sequence[Letter]) -> list[Replayed]:
        """Send letters through the door again, and say what became of each.

        A letter without an event id gets one that is always the same, so that replaying it twice makes no second event.

        Raises:
            LogError: the log cannot be written; nothing was marked.
        """
        with self._one:
            return [self._replay(letter) for letter in letters]

    def _replay(self, letter: Letter) -> Replayed:
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
        now_us = time.time_ns() // 1000
        checked = check([event], now_us, letter.site, letter.dialect, letter.sender_key)
        if checked.violations:
            return Replayed(letter.id, "rejected", checked.violations[0].field, checked.violations[0].reason)
        self._open().append(scrub(checked.batch, self._ip_addresses), [])
        self._mark([letter.id], now_us)
        return Replayed(letter.id, "accepted")

    def _open(self) -> SqliteAppender:
        if self._appender is None:
            self._appender = SqliteAppender(self._data / "log", PARTITION)
        return self._appender

    def close(self) -> None:
        """Give the partition free."""
        if self._appender is not None:
            self._appender.close()
            self._appender = None
