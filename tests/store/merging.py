"""Merging the sums of a store as maintenance does, but all at once."""

from __future__ import annotations

from datetime import datetime

from ecompulse.store.duckdb import DuckDBStore
from ecompulse.store.duckdb.merge import LOOK_SECONDS, Merged


def merge(store: DuckDBStore, now: datetime, looks: int = 1) -> dict[str, Merged]:
    """Merge all that is to be merged at a time; returns what the last of so many looks did. Each later call looks again."""
    for look in range(looks):
        store._merging._looked_at = None
        done = store.merge_sums(now.timestamp() + look * LOOK_SECONDS, 3600, lambda: False)
    return done
