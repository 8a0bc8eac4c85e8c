"""Batches for tests of steps: rows with what a test says, the rest as a plain page view has it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from ecompulse.contract.columns import LOGGED
from ecompulse.process.step import Context, Step

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
PLAIN = {
    "event_type": "page_view",
    "timestamp": NOON,
    "received_at": NOON,
    "user_id": "u-1",
    "source": "web",
    "site": "default",
    "dialect": "v1",
    "filled": 0,
}


def batch_of(*rows: dict[str, Any]) -> pa.RecordBatch:
    """A logged batch of these rows."""
    return pa.RecordBatch.from_pylist(
        [{"event_id": uuid.UUID(int=number).bytes, **PLAIN, **row} for number, row in enumerate(rows)], LOGGED
    )


def after(step: Step, *rows: dict[str, Any], context: Context | None = None) -> list[dict[str, Any]]:
    """The rows after one step."""
    result: list[dict[str, Any]] = step(batch_of(*rows), context or Context()).to_pylist()
    return result
