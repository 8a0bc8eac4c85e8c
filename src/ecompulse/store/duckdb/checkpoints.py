"""When the write-ahead log is folded into the database, and whether row groups are joined on that occasion.

A checkpoint joins row groups that are not full, so that a store that is written a little at a time is scanned in large pieces, and gives
back the room of rows that were deleted. For that it writes up to four row groups again, full ones among them: two seconds in which nothing
else is written. So it does that while there is little to write, a few at a time, and at full pace only now and then.
"""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Final

import duckdb

from ecompulse.store.duckdb.connect import Database
from ecompulse.store.duckdb.relations import ROW_GROUP_ROWS
from ecompulse.store.duckdb.usage import Usage

logger = logging.getLogger(__name__)

CHECKPOINT_BYTES: Final = 24 * 1024 * 1024
"""The write-ahead log is folded into the database at this size, after about three full tails: a start after a crash reads it again."""
JOINS_MAX: Final = 1
"""Joins that one checkpoint makes of each table at most. DuckDB's own limit is 100: minutes, once much has been written at full pace."""
JOIN_SECONDS: Final = 600.0
"""So often row groups are joined at full pace, too: sums that were merged leave deleted rows behind."""


class Checkpoints:
    """The checkpoints of one database, at `path`. Any thread may call any method."""

    def __init__(self, database: Database, usage: Usage, path: Path) -> None:
        self._database, self._usage = database, usage
        self._wal = path.with_name(path.name + ".wal")
        self._lock = threading.Lock()
        self._joined_at = time.monotonic()
        self._partly = False
        """Whether the last row group was not full when this was last asked."""

    def fold(self, rows: int) -> None:
        """Make a checkpoint if one is due; not while another thread does.

        Args:
            rows: events in the database. Where they do not fill their last row group, now as the last time, there is little to write; once
                may be a pause, after which a tail fills it.
        """
        before, self._partly = self._partly, rows == 0 or rows % ROW_GROUP_ROWS != 0
        at_full_pace = not (before and self._partly)
        bytes_max = 0 if self._usage.due else CHECKPOINT_BYTES
        if not self._wal.exists() or self._wal.stat().st_size <= bytes_max or not self._lock.acquire(blocking=False):
            return
        now = time.monotonic()
        joins = 0 if at_full_pace and now - self._joined_at < JOIN_SECONDS else JOINS_MAX
        try:
            with self._usage.work(), self._database.cursor() as cursor:
                cursor.execute(f"set global max_vacuum_tasks = {joins}")
                cursor.execute("checkpoint")
            self._joined_at = now if joins else self._joined_at
        except duckdb.Error as error:
            logger.info("checkpoint put off: %s", error)  # another transaction is at work; the next flush tries again
        finally:
            self._lock.release()
