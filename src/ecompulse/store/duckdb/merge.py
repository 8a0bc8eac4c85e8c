"""Merging the sums of finished hours: each flush has added rows of its own, which become one row a key, hour by hour.

A merged row says what its rows said together, so no answer changes, and a transaction that began before sees the rows that it saw.
Hours are taken in slices, each a transaction: what a crash cuts off is as it was. Which hours were looked at is known in memory only; after
a start each is looked at once more, which finds that it is merged.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import duckdb
from msgspec import Struct

from ecompulse.store.duckdb.connect import Database
from ecompulse.store.duckdb.relations import STEP_TYPES, STRETCHES

FINISHED_SECONDS: Final = 900.0
"""An hour is merged this long after its end: most of what is late has come by then."""
GAIN: Final = 1.5
"""Rows are merged when there are this many times as many as there will be. Late events come for days: each of their rows makes three be
written again at most."""
AT_ONCE: Final = 100_000
"""Rows of a slice: grouped in a second and some 100 MB, whatever a shop sells in an hour. Writing the tail waits for a tenth of that."""
LOOK_SECONDS: Final = 60.0
"""How often rows are counted by hour, which reads one column of all hours."""
HOUR_US: Final = 3_600_000_000

_MERGED_PARTS: Final = f"""
with slice as (
    select * from events.main.session_parts where {{within}}
), marked as (
    select *, null as stretch from slice where session_id is not null
    union all  -- without a session id, those of one key that a pause of 30 minutes parts may belong to two sessions
    {STRETCHES.format(keys="site, user_id, anonymous_id, source, platform, country", parts="slice where session_id is null")}
)
select site, hour, session_id, user_id, anonymous_id, source, platform, country,
    any_value(session_key) as session_key, any_value(user_key) as user_key, any_value(anonymous_key) as anonymous_key,
    min(began_at) as began_at, max(ended_at) as ended_at, sum(events)::bigint as events, sum(page_views)::bigint as page_views,
    sum(product_views)::bigint as product_views, sum(carts)::bigint as carts, sum(orders)::bigint as orders,
    sum(revenue)::decimal(38, 4) as revenue,
    {", ".join(f"min(first_{kind}) as first_{kind}, max(last_{kind}) as last_{kind}" for kind in STEP_TYPES)},
    arg_min(origin_key, came) as origin_key, min(came) as came, min(entry) as entry, max("exit") as "exit"
from marked
group by site, hour, session_id, user_id, anonymous_id, source, platform, country, stretch
"""
_MERGED_TOTALS: Final = """
select site, minute, event_type, source, platform, country, traffic_source, channel, campaign, currency,
    sum(events)::bigint as events, sum(quantity)::bigint as quantity,
    sum(amount)::decimal(38, 4) as amount, sum(revenue)::decimal(38, 4) as revenue
from events.main.minute_totals where {within} group by all
"""


class _Sums(Struct, frozen=True):
    """A table of sums: the time in it that tells the hour, what its rows are told apart by, and the query of the merged rows."""

    time: str
    keys: str
    sliced_by: str
    merged: str


_SUMS: Final = {
    "session_parts": _Sums(
        "hour",
        "site, session_key, user_key, anonymous_key, source, platform, country",
        "session_key, user_key, anonymous_key",
        _MERGED_PARTS,
    ),
    "minute_totals": _Sums(
        "minute",
        "site, minute, event_type, source, platform, country, traffic_source, channel, campaign, currency",
        "minute, event_type, country",
        _MERGED_TOTALS,
    ),
}


class _Slice(Struct, frozen=True):
    """The `number`-th of so many slices of an hour of a table: rows of one key are in one slice."""

    table: str
    hour_us: int
    number: int
    of: int

    @property
    def within(self) -> str:
        """In SQL: is in it."""
        sums = _SUMS[self.table]
        start, end = (f"make_timestamptz({moment})" for moment in (self.hour_us, self.hour_us + HOUR_US))
        mine = f" and hash({sums.sliced_by}) % {self.of} = {self.number}" if self.of > 1 else ""
        return f"{sums.time} >= {start} and {sums.time} < {end}{mine}"


class Merged(Struct):
    """What was merged of a table: rows there were, and rows there are in their place."""

    before: int = 0
    after: int = 0


class Merging:
    """Merges the sums of one database; used from one thread at a time.

    Args:
        database: the store's.
        writing: held while rows are exchanged, so that a flush and that do not wait for each other inside of the database.
    """

    def __init__(self, database: Database, writing: threading.Lock) -> None:
        self._database, self._writing = database, writing
        self._due: deque[_Slice] = deque()
        self._left: dict[tuple[str, int], int] = {}
        """Table and hour → rows that its last merge left; those of the slices that are due are not in it yet."""
        self._looked_at: float | None = None

    def merge(self, now: float, seconds: float, stopped: Callable[[], bool]) -> dict[str, Merged]:
        """Merge sums of hours that ended a while before `now`, for so many seconds; what is left comes at the next call.

        Returns by table what was merged. At least one slice is taken, if any is due.

        Raises:
            duckdb.Error: the database cannot be read or written; the slice that failed is as it was, and is taken again some time.
        """
        done = {table: Merged() for table in _SUMS}
        until = time.monotonic() + seconds
        writer = self._database.cursor()
        try:
            if not self._due and (self._looked_at is None or abs(now - self._looked_at) >= LOOK_SECONDS):
                self._look(writer, now)
            while self._due and not stopped():
                due = self._due.popleft()
                merged = self._exchange(writer, due)
                key = due.table, due.hour_us
                self._left[key] = self._left.get(key, 0) + merged.after
                if merged.after < merged.before:
                    done[due.table].before += merged.before
                    done[due.table].after += merged.after
                if time.monotonic() >= until:
                    break
        finally:
            writer.close()  # rolls back what was not committed
        return done

    def _look(self, writer: duckdb.DuckDBPyConnection, now: float) -> None:
        """Find the hours that have gained rows; the newest come first, because they are asked for most."""
        self._looked_at = now
        before_us = int((now - FINISHED_SECONDS) * 1e6) // HOUR_US * HOUR_US
        found = []
        for table, sums in _SUMS.items():
            hours = writer.execute(
                f"select epoch_us({sums.time}) // {HOUR_US} * {HOUR_US} as hour, count(*) from events.main.{table} "
                f"where {sums.time} < make_timestamptz({before_us}) group by hour"
            ).fetchall()
            found += [(hour, table, rows) for hour, rows in hours if rows >= GAIN * self._left.get((table, hour), 1)]
        for hour, table, rows in sorted(found, reverse=True):
            self._left.pop((table, hour), None)
            of = -(-rows // AT_ONCE)
            self._due += [_Slice(table, hour, number, of) for number in range(of)]

    def _exchange(self, writer: duckdb.DuckDBPyConnection, due: _Slice) -> Merged:
        """Put merged rows in the place of a slice's rows, if that makes them fewer: in one transaction."""
        sums = _SUMS[due.table]
        writer.begin()
        counted = f"select count(*), count(distinct hash({sums.keys})) from events.main.{due.table} where {due.within}"
        ((rows, keys),) = writer.execute(counted).fetchall()
        merged = rows
        if rows >= GAIN * keys:
            writer.execute(f"create or replace temp table merged as {sums.merged.format(within=due.within)}")
            ((merged,),) = writer.execute("select count(*) from merged").fetchall()
        if rows < GAIN * merged or not rows:
            writer.rollback()
            return Merged(rows, rows)
        with self._writing:
            ((deleted,),) = writer.execute(f"delete from events.main.{due.table} where {due.within}").fetchall()
            if deleted != rows:
                raise duckdb.InternalException(f"{deleted} rows of {due.table} were deleted, but {rows} merged")
            writer.execute(f"insert into events.main.{due.table} by name select * from merged")
            writer.commit()
        return Merged(rows, merged)
