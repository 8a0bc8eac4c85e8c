"""The relations that questions name: what is durable and what is in the tail, as one; and what stands behind each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import duckdb

from ecompulse.store.duckdb.picture import NAMES, SUMMED, WORD, columns_named
from ecompulse.store.duckdb.relations import READINGS

DURABLE: Final = "events.main"
TAIL: Final = "tail_named"
"""Stands for the rows of the tail with some of their columns."""
_LEAST: Final = "log_partition"
"""What is read to count events of which no column is named: a few bits a row, and to read ten million ids instead takes 60 ms more."""
_READ: Final = re.compile(r"\b(from|join)\s+events\b(?!\.)", re.IGNORECASE)


def create(cursor: duckdb.DuckDBPyConnection) -> None:
    """Make the views on a connection; something must be registered under each of `NAMES`."""
    for name, definition in _definitions(cursor):
        cursor.execute(f"create or replace temp view {name} as {definition}")


def _definitions(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str]]:
    yield "events", f"select * from {DURABLE}.events union all select * from tail"
    for table, query in SUMMED.items():
        columns = cursor.execute(f"describe {DURABLE}.{table}").fetchall()
        alike = ", ".join(f'"{column[0]}"::{column[1]} as "{column[0]}"' for column in columns)  # Arrow gives a UUID as text
        rest = query.format(rows=f"rest_for_{table}")
        yield table, f"select * from {DURABLE}.{table} union all select {alike} from tail_{table} union all ({rest})"
    yield (
        "dead_letters",
        f"""select l.* replace (coalesce(l.replayed_at, r.replayed_at) as replayed_at)
        from (select * from {DURABLE}.dead_letters union all select * from tail_letters) l left join tail_replayed r on r.id = l.id""",
    )
    yield "ledger", f"select * from {DURABLE}.ledger union all select * from tail_ledger"
    yield from READINGS.items()


@lru_cache(maxsize=64)
def behind(sql: str) -> frozenset[str]:
    """Those of `NAMES` that a statement needs: whatever it names, its text holds the name."""
    return frozenset().union(*(_BEHIND[word] for word in set(WORD.findall(sql.lower())) & _BEHIND.keys()))


@lru_cache(maxsize=256)
def narrowed(sql: str) -> tuple[str, tuple[str, ...]]:
    """A statement that reads only those columns of `events` that it names, and these; none where it reads no events.

    To bind seventy columns wherever `events` stands takes most of a short question's time. `TAIL` must be registered with these columns.
    They are put in at each place: as one part of the `with`, DuckDB would make them once and keep them, however many they are.
    """
    if not _READ.search(sql):
        return sql, ()
    columns = tuple(columns_named(sql)) or (_LEAST,)
    chosen = ", ".join(f'"{name}"' for name in columns)
    events = f"(select {chosen} from {DURABLE}.events union all select {chosen} from {TAIL})"
    return _READ.sub(rf"\1 {events}", sql), columns


def _closure() -> dict[str, frozenset[str]]:
    found = {name: frozenset((name,)) for name in NAMES}
    found["events"] = found["tail"]
    found.update({table: found[f"tail_{table}"] | found[f"rest_for_{table}"] for table in SUMMED})
    found["dead_letters"] = found["tail_letters"] | found["tail_replayed"]
    found["ledger"] = found["tail_ledger"]
    for view, definition in READINGS.items():
        found[view] = frozenset().union(*(found[word] for word in set(WORD.findall(definition)) & found.keys()))
    return found


_BEHIND: Final = _closure()
