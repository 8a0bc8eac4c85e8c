"""Moving the write-ahead log of a file into it while it grows, so that it stays small.

Left to itself until the file is rolled it grows to 60 MB, and where groups are small to a gigabyte, as every append writes whole pages. To
move so much, and to delete it, keeps the disk busy for a fifth of a second, in which nothing can be acknowledged, and whoever opens the
file after a kill reads all of it first.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Final

from ecompulse.log.sqlite import file

FOLD_BYTES: Final = 2 * 1024 * 1024
"""The write-ahead log is moved whenever it has grown by so much. That keeps the disk busy for 2 ms; four times as much at once is felt by
the slowest hundredth of requests."""

logger = logging.getLogger(__name__)


class Folding:
    """The moving of one file's write-ahead log. Used from the thread that appends.

    Nearly all is moved on a thread beside the appends, which go on meanwhile. The few that came during that are moved with the next one:
    then all is in the file and on disk, and SQLite begins the write-ahead log anew by itself.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._grown = 0
        self._thread: threading.Thread | None = None
        self._broken = False

    def appended(self, connection: sqlite3.Connection, size: int) -> None:
        """After an append of `size` bytes by `connection`.

        Raises:
            sqlite3.Error: what came last could not be moved; it is kept where it is.
        """
        self._grown += (1 + size // file.PAGE_BYTES) * file.PAGE_BYTES
        if self._thread is not None:
            if self._thread.is_alive():
                return
            self._thread = None
            connection.execute("pragma wal_checkpoint(passive)")
        elif self._grown >= FOLD_BYTES and not self._broken:
            self._grown = 0
            self._thread = threading.Thread(target=self._fold, name="log-fold", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Wait for a move that is under way."""
        if self._thread is not None:
            self._thread.join()

    def _fold(self) -> None:
        try:
            with closing(file.open_beside(self._path)) as connection:
                connection.execute("pragma fullfsync = on")
                connection.execute("pragma wal_checkpoint(passive)")
        except sqlite3.Error as error:
            self._broken = True
            logger.warning("%s: its write-ahead log is moved into it only when it is rolled: %s", self._path, error)
