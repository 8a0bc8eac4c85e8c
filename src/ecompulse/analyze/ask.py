"""Ask a question of a store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
from msgspec import Struct

from ecompulse.analyze.parameters import Shop, bind
from ecompulse.analyze.question import Question
from ecompulse.analyze.reading import Readable
from ecompulse.analyze.settled import settled
from ecompulse.analyze.statement import statement

_SESSIONLESS: Final = re.compile(r"\bsessionless\b")
"""The part of a statement that reads events without a session of their own."""
TIMEOUT_SECONDS: Final = 30.0
"""An answer that takes longer is of no use on a page; a larger one is an export."""


class Answer(Struct, frozen=True):
    """A table, the event time up to which it is complete, and how far behind the log the store was."""

    as_of: datetime
    lag_seconds: float
    table: pa.Table


def ask(store: Readable, question: Question, asked: Mapping[str, str], shop: Shop, timeout_seconds: float = TIMEOUT_SECONDS) -> Answer:
    """The answer to a question with parameters as text.

    Raises `WrongParameter`, and `ecompulse.store.QueryTimeout` when the time is up.
    """
    values = bind(question.parameters, question.bound, asked, shop, datetime.now(UTC))
    with store.snapshot(timeout_seconds) as picture:
        as_of, lag_seconds = store.as_of(), store.lag_seconds()
        sql = settled(question.sql, values)
        if _SESSIONLESS.search(sql):  # nearly always there is none, and the statement is half as long
            values |= picture.query(statement("range-facts"), values, named=True).to_pylist()[0]
            sql = settled(question.sql, values)
        return Answer(as_of, lag_seconds, picture.query(sql, values, named=True))


def answer(
    store: Readable, sql: str, values: Mapping[str, Any], timeout_seconds: float = TIMEOUT_SECONDS, *, named: bool = False
) -> Answer:
    """The answer to one statement; `named` as in `ecompulse.store.Snapshot.query`."""
    with store.snapshot(timeout_seconds) as picture:
        as_of, lag_seconds = store.as_of(), store.lag_seconds()
        return Answer(as_of, lag_seconds, picture.query(sql, values, named=named))
