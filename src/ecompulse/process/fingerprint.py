"""What an event says, as 64 bits: to tell a duplicate from another event under the same id."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ecompulse.contract.columns import FILLED_TIME, TIME

SEED: Final = 7
SCHEME: Final = f"polars-{'.'.join(version('polars').split('.')[:2])}-sorted"
"""polars promises the same hash within a version only; each file of ids says in its name which made its fingerprints.

`sorted`: so are the names of what the contract does not name; they stood as they were sent before.
"""

_NOT_CONTENT: Final = frozenset(
    {"event_id", "sent_at", "received_at", "site", "dialect", "sender_key", "filled", "ip_address", "user_agent"}
)
"""What may differ between two deliveries of one event: how and when it travelled."""

Fingerprints = np.ndarray[Any, np.dtype[np.uint64]]


def fingerprints(batch: pa.RecordBatch) -> Fingerprints:
    """One number a row (never 0), equal for rows with equal content whatever batch they come in.

    A time that was filled at receipt is no content: a sender without a clock sends the same event again without one.
    """
    import polars as pl  # takes 0.35 s, which a start after a crash need not wait for

    columns = {name: column for name, column in zip(batch.schema.names, batch.columns, strict=True) if name not in _NOT_CONTENT}
    filled = batch.column("filled").to_numpy() & FILLED_TIME != 0
    if filled.any():
        columns["timestamp"] = pc.if_else(pa.array(filled), pa.scalar(None, TIME), columns["timestamp"])
    # a batch, which polars takes in less time than a table
    hashes = pl.DataFrame(pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))).hash_rows(SEED).to_numpy()
    return np.where(hashes == 0, np.uint64(1), hashes)
