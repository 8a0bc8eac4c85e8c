"""What became of events, counted for the ledger as they are taken: so many of a sender and type stored, duplicates or dead letters.

The door counts what it received on its own (`log.received`), so that each count can prove the other.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import pyarrow as pa

from ecompulse.contract.columns import DeadLetter
from ecompulse.contract.event import EVENT_TYPES
from ecompulse.store import LedgerKey, Outcome

FEW_ROWS: Final = 256
"""Rows up to which it is not worth a look whether all came from one sender."""
COUNTED_ONE_BY_ONE: Final = 4_096
"""Rows that cost less to count in Python (0.2 µs each) than to group in Arrow, which takes a millisecond to begin."""
GROUPED_BY: Final = ["site", "dialect", "sender_key", "event_type"]


def count(ledger: Counter[LedgerKey], rows: pa.RecordBatch, outcome: Outcome) -> None:
    """Add rows to the ledger."""
    if not len(rows):
        return
    senders = [rows.column(name).unique() for name in GROUPED_BY[:-1]] if len(rows) > FEW_ROWS else []
    if senders and all(len(values) == 1 for values in senders):  # as mostly
        kinds = rows.column(GROUPED_BY[-1]).value_counts()
        sender = tuple(values[0].as_py() for values in senders)
        counts = {(*sender, kind): number for kind, number in zip(*(part.to_pylist() for part in kinds.flatten()), strict=True)}
    elif len(rows) <= COUNTED_ONE_BY_ONE:
        counts = Counter(zip(*(rows.column(name).to_pylist() for name in GROUPED_BY), strict=True))
    else:
        table = pa.Table.from_batches([rows.select(GROUPED_BY)]).group_by(GROUPED_BY, use_threads=False).aggregate([([], "count_all")])
        keys = zip(*(table[name].to_pylist() for name in GROUPED_BY), strict=True)
        counts = Counter(dict(zip(keys, table["count_all"].to_pylist(), strict=True)))
    for (site, dialect, key, kind), number in counts.items():
        ledger[LedgerKey(site, dialect, key or "", kind, outcome)] += number


def key_of(letter: DeadLetter, outcome: Outcome) -> LedgerKey:
    """What a dead letter counts as."""
    known = letter.event_type if letter.event_type in EVENT_TYPES else ""  # whatever a sender wrote must not make keys without end
    return LedgerKey(letter.site, letter.dialect, letter.sender_key or "", known or "", outcome)
