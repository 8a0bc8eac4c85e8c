"""Where rows rest: what the engine may rely on when it adds to a store, and a question when it asks one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Literal, Protocol

import pyarrow as pa
from msgspec import Struct

from ecompulse.contract.columns import DeadLetter

Outcome = Literal["stored", "duplicate", "dead_letter"]


class LedgerKey(Struct, frozen=True):
    """What a count of the ledger is of; `key` and `event_type` are empty where unknown."""

    site: str
    dialect: str
    key: str
    event_type: str
    outcome: Outcome


class PlacedLetter(Struct, frozen=True):
    """A dead letter and its place in the log, which is its id: `<partition>-<offset>`."""

    partition: int
    offset: int
    letter: DeadLetter

    @property
    def id(self) -> str:
        """The name by which people and commands speak of it."""
        return f"{self.partition}-{self.offset}"


class Addition(Struct, frozen=True):
    """What a stretch of the log became. All of it is added, or nothing."""

    rows: pa.RecordBatch
    """New events (schema `STORED`)."""
    dead_letters: Sequence[PlacedLetter]
    ledger: Mapping[LedgerKey, int]
    positions: Mapping[int, int]
    """Partition → the offset after the stretch."""


class StoreError(Exception):
    """The store cannot be opened or written; the text says which file and what to do."""


class QueryError(Exception):
    """A question cannot be answered as it was put; the text is the user's to read."""


class QueryTimeout(QueryError):
    """A question ran longer than it may."""


class Snapshot(Protocol):
    """One consistent picture of a store."""

    def query(self, sql: str, parameters: Mapping[str, object] | None = None, *, named: bool = False) -> pa.Table:
        """Ask in SQL, with `$name` parameters.

        `named` says that whatever column of `events` the answer depends on is named in the statement, so that the others can be left out;
        a star in it may stand only where it makes no difference how many columns it means.

        Raises:
            QueryError: the statement is wrong.
            QueryTimeout: it ran too long and was ended.
        """


class Store(Protocol):
    """A store of events, aggregates, dead letters, ledger and positions that agree with each other at any time."""

    def positions(self) -> dict[int, int]:
        """Up to where the log is in the store (rows that wait in memory included)."""

    def add(self, addition: Addition) -> None:
        """Take a stretch of the log: it can be queried when this returns, and is durable after the next flush."""

    def snapshot(self, timeout_seconds: float) -> AbstractContextManager[Snapshot]:
        """Open a consistent picture for questions; each may run `timeout_seconds`."""

    def as_of(self) -> datetime:
        """The time up to which everything that was received has been added."""
