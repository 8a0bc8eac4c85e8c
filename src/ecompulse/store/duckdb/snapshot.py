"""One consistent picture of the store, to be asked with SQL."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Final

import duckdb
import pyarrow as pa

from ecompulse.store import QueryError, QueryTimeout
from ecompulse.store.duckdb.deadlines import Deadlines
from ecompulse.store.duckdb.picture import Picture
from ecompulse.store.duckdb.usage import Lent
from ecompulse.store.duckdb.views import TAIL, behind, narrowed

# `sql(…).to_arrow_table()` would copy the few rows of an answer once less, but bind the statement twice, and to bind one over views of
# seventy columns takes most of a short question's time.
warnings.filterwarnings("ignore", "Arrow output on a DB-API result makes an extra copy", UserWarning)

_PARAMETER: Final = re.compile(r"\$([a-z_][a-z0-9_]*)", re.IGNORECASE)


class DuckDBSnapshot:
    """One consistent picture; see `ecompulse.store.Snapshot`. `positions` is where the log was in it."""

    def __init__(
        self,
        lent: Lent,
        picture: Picture,
        deadlines: Deadlines,
        timeout_seconds: float,
        positions: Mapping[int, int],
    ) -> None:
        (self._cursor, self._registered), self._picture, self.positions = lent, picture, positions
        self._deadlines, self._timeout_seconds = deadlines, timeout_seconds

    def query(self, sql: str, parameters: Mapping[str, object] | None = None, *, named: bool = False) -> pa.Table:
        """See `ecompulse.store.Snapshot.query`. Parameters that the statement does not use are passed over."""
        used = set(_PARAMETER.findall(sql))
        given = {name: value for name, value in (parameters or {}).items() if name in used}
        narrow, columns = narrowed(sql) if named else (sql, ())
        with self._deadlines.within(self._timeout_seconds, self._cursor.interrupt) as deadline:
            try:
                for name in behind(sql) - self._registered - ({"tail"} if named else set()):
                    self._register(name, self._picture.table(name, self._cursor))
                if columns:
                    self._register(TAIL, self._picture.named(columns))
                return _answer(self._cursor.execute(narrow, given or None))
            except duckdb.Error as error:
                if deadline.passed or isinstance(error, duckdb.InterruptException):
                    raise QueryTimeout(
                        f"it ran longer than {self._timeout_seconds:g} s and was ended: ask for a shorter range or fewer rows"
                    ) from None
                raise QueryError(str(error)) from None

    def _register(self, name: str, table: pa.Table) -> None:
        self._registered.add(name)
        self._cursor.register(name, table)


def _answer(asked: duckdb.DuckDBPyConnection) -> pa.Table:
    """The rows found. Unsigned numbers of 128 bits are text: DuckDB gives them as signed decimals, those above half negative."""
    unsigned = [place for place, (_, kind, *_) in enumerate(asked.description or ()) if str(kind) == "UHUGEINT"]
    found: pa.Table = asked.to_arrow_table()
    for place in unsigned:
        field = found.field(place).with_type(pa.string())
        numbers = [None if number is None else str(int(number) % 2**128) for number in found.column(place).to_pylist()]
        found = found.set_column(place, field, pa.array(numbers, field.type))
    return found
