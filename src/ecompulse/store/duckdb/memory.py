"""How much memory the database may use: all that questions are given while somebody asks, little while it only writes.

It keeps every block that it wrote or read until its limit is reached, which is there for questions: a run that only took events held as
much after a quarter of an hour, and a checkpoint after merging filled it at once.
"""

from __future__ import annotations

from typing import Final

import duckdb

from ecompulse.store.duckdb.connect import Database

RESTING_BYTES: Final = 128_000_000
"""Memory that the database keeps after a write: what was written or read last."""
WORKING_BYTES: Final = 320_000_000
"""Memory for writes, merges and checkpoints while no question is asked; they take no longer with less, and fill whatever they may."""


class Memory:
    """The limit of one database. Each method is called under the lock of `Usage`."""

    def __init__(self, database: Database, memory_bytes: int) -> None:
        """`memory_bytes` is what questions may use, and what the database was opened with."""
        self._database, self._all_bytes, self._for_work = database, memory_bytes, False

    def for_work(self) -> None:
        """Have the database forget what it keeps of its file, and use little until `for_questions`. Nobody may use it meanwhile."""
        if self._all_bytes <= WORKING_BYTES:
            return
        self._for_work = True
        try:
            self._limit(RESTING_BYTES)  # for a moment: it drops what was used longest ago
        except duckdb.OutOfMemoryException:
            pass  # more of it is needed still
        finally:
            self._limit(WORKING_BYTES)

    def for_questions(self) -> None:
        """Let it use all."""
        if self._for_work:
            self._limit(self._all_bytes)
            self._for_work = False

    def _limit(self, memory_bytes: int) -> None:
        self._database.cursor().execute(f"set global memory_limit = '{memory_bytes // 1_000_000}MB'")
