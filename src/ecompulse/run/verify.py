"""`ecompulse verify`: recomputes every sum from the rows, closes the ledger against the log, and names what does not agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from ecompulse.store.duckdb.letters import KIND

Ask = Callable[[str], list[tuple[Any, ...]]]
"""Runs a query on the store's relations and returns its rows."""

NAMED_MAX: Final = 10
"""Disagreements that are named a check; their number is told in full."""


class Check(Struct, frozen=True):
    """A promise as a query that finds what breaks it: rows of (what, expected, found)."""

    name: str
    sql: str


class Checked(Struct, frozen=True):
    """What a check found: how many disagreements, and the first of them."""

    name: str
    disagreements: int
    named: Sequence[tuple[str, str, str]] = ()

    @property
    def agrees(self) -> bool:
        """Whether there is none."""
        return not self.disagreements


def _compare(keys: str, left: str, right: str, figures: Sequence[str]) -> str:
    """Rows of two relations with the same keys in which a figure differs, or one is missing."""
    names = [key.strip() for key in keys.split(",")]
    on = " and ".join(f"l.{name} is not distinct from r.{name}" for name in names)
    what = " || ' · ' || ".join(f"coalesce(coalesce(l.{name}, r.{name})::varchar, '–')" for name in names)
    differ = " or ".join(f"l.{figure} is distinct from r.{figure}" for figure in figures)
    told = {side: " || ', ' || ".join(f"'{figure} ' || coalesce({side}.{figure}::varchar, '–')" for figure in figures) for side in "lr"}
    return f"select {what}, {told['l']}, {told['r']} from ({left}) l full outer join ({right}) r on {on} where {differ}"


_LEDGER_KEYS: Final = "site, dialect, key, event_type"
_MINUTE_KEYS: Final = "site, minute, event_type, currency"

CHECKS: Final = (
    Check(
        "each event id is there once",
        """select event_id::varchar, '1 row', count(*)::varchar || ' rows' from events group by event_id having count(*) > 1""",
    ),
    Check(
        "each place of the log is there once",
        """select log_partition || '-' || log_offset, '1 row', count(*)::varchar || ' rows'
        from events group by log_partition, log_offset having count(*) > 1""",
    ),
    Check(
        "events counted as stored are rows",
        _compare(
            _LEDGER_KEYS,
            f"select {_LEDGER_KEYS}, sum(count)::bigint as events from ledger where outcome = 'stored' group by all",
            "select site, dialect, coalesce(sender_key, '') as key, event_type, count(*) as events from events group by all",
            ["events"],
        ),
    ),
    Check(
        "events counted as dead letters are kept, or counted as let go",  # a damaged entry of the log is one letter for all of its events
        _compare(
            _LEDGER_KEYS,
            f"""select {_LEDGER_KEYS}, sum(count)::bigint as letters from ledger
            where outcome = 'dead_letter' and dialect <> 'log' group by all having sum(count) <> 0""",
            f"""select {_LEDGER_KEYS}, sum(count)::bigint as letters from (
                select site, dialect, coalesce(sender_key, '') as key, {KIND} as event_type, 1 as count from dead_letters
                union all select {_LEDGER_KEYS}, count from dead_letters_let_go
            ) where dialect <> 'log' group by all""",
            ["letters"],
        ),
    ),
    Check(
        "minute totals are the sums of their rows",
        _compare(
            _MINUTE_KEYS,
            """select site, date_trunc('minute', timestamp) as minute, event_type,
                case when event_type = 'purchase' then currency end as currency,
                count(*)::bigint as events, coalesce(sum(quantity), 0)::bigint as quantity,
                coalesce(sum(total) filter (event_type = 'purchase'), 0)::decimal(38, 4) as amount,
                coalesce(sum(revenue), 0)::decimal(38, 4) as revenue
            from events group by all""",
            f"""select {_MINUTE_KEYS}, sum(events)::bigint as events, sum(quantity)::bigint as quantity,
                sum(amount)::decimal(38, 4) as amount, sum(revenue)::decimal(38, 4) as revenue
            from minute_totals group by all""",
            ["events", "quantity", "amount", "revenue"],
        ),
    ),
    Check(
        "order lines are those of the purchases",
        _compare(
            "event_id",
            """select event_id, len(items)::bigint as lines, list_sum([i.quantity * i.price for i in items])::decimal(38, 4) as amount
            from events where event_type = 'purchase'""",
            "select event_id, count(*)::bigint as lines, sum(amount)::decimal(38, 4) as amount from order_items group by event_id",
            ["lines", "amount"],
        ),
    ),
    Check(
        "sessions hold every event",
        _compare(
            "site",
            """select site, count(*)::bigint as events, count(*) filter (event_type = 'purchase') as orders,
                coalesce(sum(revenue), 0)::decimal(38, 4) as revenue
            from events group by site""",
            """select site, sum(events)::bigint as events, sum(orders)::bigint as orders, sum(revenue)::decimal(38, 4) as revenue
            from sessions group by site""",
            ["events", "orders", "revenue"],
        ),
    ),
    Check(
        "identities are those of the events",
        _compare(
            "site, anonymous_id, user_id",
            """select site, anonymous_id, user_id, min(timestamp) as since
            from events where anonymous_id is not null and user_id is not null group by all""",
            "select site, anonymous_id, user_id, min(since) as since from identities group by all",
            ["since"],
        ),
    ),
)


def verify(ask: Ask, ledger: Mapping[str, Any]) -> list[Checked]:
    """Run every check. `ledger` is the answer of `/api/ledger`, or the same made offline."""
    return [_equation(ledger), *(_run(check, ask) for check in CHECKS)]


def _run(check: Check, ask: Ask) -> Checked:
    counted = int(ask(f"select count(*) from ({check.sql})")[0][0])
    rows = ask(f"{check.sql} limit {NAMED_MAX}") if counted else []
    return Checked(check.name, counted, [(str(what), str(expected), str(found)) for what, expected, found in rows])


def _equation(ledger: Mapping[str, Any]) -> Checked:
    parts = ("stored", "duplicates", "dead_letters", "in_flight")
    found = sum(int(ledger[part]) for part in parts)
    name = "received = stored + duplicates + dead letters + in flight"
    if found == ledger["received"]:
        return Checked(name, 0)
    told = " + ".join(f"{ledger[part]:,}" for part in parts)
    return Checked(name, 1, [("all", f"{ledger['received']:,} received", f"{told} = {found:,}")])
