"""A real embedded store with the events that a test wants, without a log before it."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from ecompulse.contract.columns import STORED
from ecompulse.log.received import Counts
from ecompulse.log.sqlite.counts import Known
from ecompulse.process.ledger import account, totals
from ecompulse.store import Addition, LedgerKey, Snapshot
from ecompulse.store.duckdb import DuckDBStore

DAY = datetime(2026, 3, 10, tzinfo=UTC)


def event(event_type: str, when: datetime, user: str | None = "u", **columns: Any) -> dict[str, Any]:
    """A row of `events`: what is not given is usual, or null."""
    usual = {
        "event_id": uuid.uuid4().bytes, "event_type": event_type, "timestamp": when, "received_at": when, "device_timestamp": when,
        "user_id": user, "site": "default", "dialect": "canonical", "filled": 0, "fingerprint": 1, "log_partition": 0,
        "log_offset": 0, "is_bot": False,
        "session_id": f"s-{user}", "source": "web", "platform": "web", "country": "DE",
    }  # fmt: skip
    return {**dict.fromkeys(STORED.names), **usual, **columns}


def purchase(when: datetime, user: str, *lines: tuple[str, int, str], currency: str = "EUR", **columns: Any) -> dict[str, Any]:
    """A purchase of lines of (product, quantity, price), in euros unless said otherwise; only euros are converted."""
    items = [
        {"product_id": p, "product_name": f"Name of {p}", "product_category": None, "quantity": q, "price": Decimal(price), "extra": None}
        for p, q, price in lines
    ]
    total = sum((q * Decimal(price) for _, q, price in lines), Decimal(0))
    converted = {"revenue": total, "rate": Decimal(1)} if currency == "EUR" else {}
    return event("purchase", when, user, order_id=uuid.uuid4().hex, currency=currency, total=total, items=items, **converted, **columns)


class Stocked:
    """The store, with the ledger that the engine adds to it."""

    def __init__(self, folder: Path) -> None:
        self.store = DuckDBStore(folder)
        self.offset = 0
        self.snapshots = 0

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Store these rows of `events`; they are in the tail until `flush`."""
        batch = pa.RecordBatch.from_pylist(list(rows), STORED)
        self.offset += len(batch)
        seen = Counter(zip(batch["site"].to_pylist(), batch["event_type"].to_pylist(), strict=True))
        ledger = {LedgerKey(site, "canonical", "", kind, "stored"): count for (site, kind), count in seen.items()}
        self.store.add(Addition(batch, [], ledger, {0: self.offset}))

    def flush(self) -> None:
        """Write the tail into the database."""
        if self.store.freeze():
            self.store.flush([], {})

    @contextmanager
    def snapshot(self, timeout_seconds: float) -> Iterator[Snapshot]:
        self.snapshots += 1
        with self.store.snapshot(timeout_seconds) as picture:
            yield picture

    def as_of(self) -> datetime:
        return self.store.as_of()

    def lag_seconds(self) -> float:
        return self.store.lag_seconds()

    def ledger(self) -> dict[str, Any]:
        with self.store.snapshot(10) as picture:
            return totals(picture, {0: self.offset}, self.as_of())

    def account(self, site: str | None = None) -> dict[str, Any]:
        with self.store.snapshot(10) as picture:
            return account(picture, {0: self.offset}, self.as_of(), self, site)

    def upto(self, positions: Mapping[int, int]) -> dict[int, Known]:
        return {partition: Known(position, {}) for partition, position in positions.items()}

    def within(self, partition: int, start: int, end: int) -> Counts:
        return {}
