"""What must be true of a store by itself: each promise as a query that finds what breaks it, every sum computed anew from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from ecompulse.store.duckdb.letters import KIND
from ecompulse.store.duckdb.relations import STEP_TYPES


class Check(Struct, frozen=True):
    """A promise as a query that finds what breaks it: rows of (what, expected, found)."""

    name: str
    sql: str


def _compare(keys: str, left: str, right: str, figures: Sequence[str]) -> str:
    """Rows of two relations with the same keys in which a figure differs, or one is missing."""
    names = [key.strip() for key in keys.split(",")]
    on = " and ".join(f"l.{name} is not distinct from r.{name}" for name in names)
    what = " || ' · ' || ".join(f"coalesce(coalesce(l.{name}, r.{name})::varchar, '–')" for name in names)
    differ = " or ".join(f"l.{figure} is distinct from r.{figure}" for figure in figures)
    told = {side: " || ', ' || ".join(f"'{figure} ' || coalesce({side}.{figure}::varchar, '–')" for figure in figures) for side in "lr"}
    return f"select {what}, {told['l']}, {told['r']} from ({left}) l full outer join ({right}) r on {on} where {differ}"


_LEDGER_KEYS: Final = "site, dialect, key, event_type"
_MINUTE_KEYS: Final = "site, minute, event_type, currency, source, platform, country, traffic_source, channel, campaign"
_LINE_KEYS: Final = "event_id, order_id, product_id, quantity, price, currency, amount, revenue, country, traffic_source, campaign"
_SESSION_KEYS: Final = "site, session_id, user_id, anonymous_id, hour, source, platform, country"
_SESSION_FIGURES: Final = (
    "events", "page_views", "product_views", "carts", "orders", "revenue", "began_at", "ended_at", "came_at", "entered_at", "left_at",
    *(f"{edge}_{kind}" for kind in STEP_TYPES for edge in ("first", "last")),
)  # fmt: skip
_STEPS_OF_EVENTS: Final = ", ".join(
    f"min(timestamp) filter (event_type = '{kind}') as first_{kind}, max(timestamp) filter (event_type = '{kind}') as last_{kind}"
    for kind in STEP_TYPES
)
_STEPS_OF_PARTS: Final = ", ".join(f"min(first_{kind}) as first_{kind}, max(last_{kind}) as last_{kind}" for kind in STEP_TYPES)

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
                source, platform, country, traffic_source, channel, campaign,
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
            _LINE_KEYS,
            f"""select {_LINE_KEYS}, count(*) as lines from (
                select event_id, order_id, item.product_id as product_id, item.quantity as quantity, item.price as price, currency,
                    (item.quantity * item.price::decimal(38, 4))::decimal(38, 4) as amount,
                    (item.quantity * item.price::decimal(38, 4) * rate)::decimal(38, 4) as revenue, country, traffic_source, campaign
                from (select *, unnest(items) as item from events where event_type = 'purchase')
            ) group by all""",
            f"select {_LINE_KEYS}, count(*) as lines from order_items group by all",
            ["lines"],
        ),
    ),
    Check(
        "session parts are the sums of their rows",
        _compare(
            _SESSION_KEYS,
            f"""select site, session_id, user_id, anonymous_id, date_trunc('hour', timestamp) as hour, source, platform, country,
                count(*)::bigint as events, count(*) filter (event_type = 'page_view') as page_views,
                count(*) filter (event_type = 'product_view') as product_views,
                count(*) filter (event_type = 'add_to_cart') as carts,
                count(*) filter (event_type = 'purchase') as orders, sum(revenue)::decimal(38, 4) as revenue,
                min(timestamp) as began_at, max(timestamp) as ended_at,
                min(timestamp) filter (coalesce(traffic_source, channel, campaign) is not null) as came_at,
                min(timestamp) filter (page_path is not null) as entered_at, max(timestamp) filter (page_path is not null) as left_at,
                {_STEPS_OF_EVENTS}
            from events group by all""",
            f"""select {_SESSION_KEYS}, sum(events)::bigint as events, sum(page_views)::bigint as page_views,
                sum(product_views)::bigint as product_views, sum(carts)::bigint as carts, sum(orders)::bigint as orders,
                sum(revenue)::decimal(38, 4) as revenue, min(began_at) as began_at, max(ended_at) as ended_at, min(came.at) as came_at,
                min(entry.at) as entered_at, max("exit".at) as left_at, {_STEPS_OF_PARTS}
            from session_parts group by all""",
            _SESSION_FIGURES,
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
