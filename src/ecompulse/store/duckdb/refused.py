"""Rows that the database refuses for what they hold: found by halving, and made dead letters, so that the rest goes in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pyarrow as pa

from ecompulse.contract.columns import LOGGED, DeadLetter
from ecompulse.contract.write import to_events
from ecompulse.store import LedgerKey, PlacedLetter
from ecompulse.store.duckdb.tail import Tail


def without_refused(tail: Tail, refuses: Callable[[pa.Table], bool], why: str) -> Tail:
    """The tail with each refused row as a dead letter, counted as that; `refuses` tries rows and keeps none."""
    rows = tail.table()
    refused = _refused(rows, 0, refuses)
    kept = Tail(tail.number)
    kept.dead_letters, kept.ledger = list(tail.dead_letters), tail.ledger.copy()
    kept.positions, kept.replayed = tail.positions, tail.replayed
    left = set(refused)
    keep = rows.take(pa.array([index for index in range(len(rows)) if index not in left], pa.int64())).combine_chunks()
    kept.batches, kept.rows = keep.to_batches(), len(keep)
    for index in refused:
        letter = _letter(rows.slice(index, 1), why)
        kept.dead_letters.append(letter)
        for outcome, by in (("stored", -1), ("dead_letter", 1)):
            kept.ledger[_key(rows.slice(index, 1), outcome)] += by
    return kept


def _refused(rows: pa.Table, start: int, refuses: Callable[[pa.Table], bool]) -> list[int]:
    if not len(rows) or not refuses(rows):
        return []
    if len(rows) == 1:
        return [start]
    half = len(rows) // 2
    found = _refused(rows.slice(0, half), start, refuses)
    rest = rows.slice(half)
    found += _refused(rest, start + half, refuses)
    return found


def _first(row: pa.Table) -> dict[str, Any]:
    names = ("log_partition", "log_offset", "dialect", "site", "sender_key", "event_type")
    first: dict[str, Any] = row.select(names).to_pylist()[0]
    return first


def _letter(row: pa.Table, why: str) -> PlacedLetter:
    found = _first(row)
    received_us = row.column("received_at").cast(pa.int64())[0].as_py()
    body = msgspec.json.encode(to_events(row.select(LOGGED.names))[0])
    reason = f"the store refused the row: {why}"
    origin = (found["event_type"], found["dialect"], found["site"], found["sender_key"])
    letter = DeadLetter(reason, "", None, *origin, received_us, body)
    return PlacedLetter(found["log_partition"], found["log_offset"], letter)


def _key(row: pa.Table, outcome: Any) -> LedgerKey:
    found = _first(row)
    return LedgerKey(found["site"], found["dialect"], found["sender_key"] or "", found["event_type"], outcome)
