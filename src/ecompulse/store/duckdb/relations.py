"""Tables and the sums over events, declared once: made at each flush from the rows it writes, and asked of the tail in the same words."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from ecompulse.contract.ddl import duckdb_events
from ecompulse.store.duckdb.letters import LET_GO

ROW_GROUP_ROWS: Final = 122_880
"""Rows of a full row group of a table."""

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        duckdb_events(),
        """create table order_items (
            site varchar not null, timestamp timestamptz not null, event_id uuid not null, order_id varchar, product_id varchar,
            product_name varchar,
            product_category varchar, quantity integer, price decimal(18, 4), currency varchar, amount decimal(38, 4),
            revenue decimal(38, 4),
            source varchar, platform varchar, country varchar, traffic_source varchar, channel varchar, campaign varchar)""",
        """create table minute_totals (
            site varchar not null, minute timestamptz not null, event_type varchar not null, source varchar, platform varchar,
            country varchar,
            traffic_source varchar, channel varchar, campaign varchar, currency varchar,
            events bigint not null, quantity bigint not null, amount decimal(38, 4) not null, revenue decimal(38, 4) not null)""",
        """create table session_parts (  -- each struct is the least (or greatest) of its kind, so parts merge in any order
            site varchar not null, session_id varchar, user_id varchar, anonymous_id varchar, ended_at timestamptz not null,
            events bigint not null, page_views bigint not null, product_views bigint not null, carts bigint not null,
            orders bigint not null,
            revenue decimal(38, 4) not null,
            began struct("at" timestamptz, id uuid, source varchar, platform varchar, country varchar) not null,
            who struct("at" timestamptz, id uuid, user_id varchar),
            came struct("at" timestamptz, id uuid, traffic_source varchar, channel varchar, campaign varchar),
            entry struct("at" timestamptz, id uuid, page varchar), "exit" struct("at" timestamptz, id uuid, page varchar))""",
        """create table identities (
            site varchar not null, anonymous_id varchar not null, user_id varchar not null, since timestamptz not null)""",
        """create table dead_letters (
            id varchar not null primary key, reason varchar not null, field varchar not null, dialect varchar not null,
            site varchar not null,
            sender_key varchar, event_id varchar, event_type varchar, received_at timestamptz not null, body varchar not null,
            body_bytes blob, replayed_at timestamptz)""",
        """create table ledger (
            site varchar not null, dialect varchar not null, key varchar not null, event_type varchar not null, outcome varchar not null,
            count bigint not null, primary key (site, dialect, key, event_type, outcome))""",
        'create table positions ("partition" integer primary key, "offset" bigint not null)',
        "create table id_runs (name varchar primary key)",
        "create table state (name varchar primary key, value blob not null)",
    ),
    (LET_GO,),
    (
        "drop table session_parts",
        """create table session_parts (  -- one (site, hour, session, person, source, platform, country) has several: they add up
            site varchar not null, hour timestamptz not null, session_id varchar, user_id varchar, anonymous_id varchar, source varchar,
            platform varchar, country varchar, session_key uhugeint, user_key uhugeint, anonymous_key uhugeint,
            began_at timestamptz not null, ended_at timestamptz not null, events bigint not null, page_views bigint not null,
            product_views bigint not null, carts bigint not null, orders bigint not null, revenue decimal(38, 4),  -- null: none converted
            first_page_view timestamptz, last_page_view timestamptz, first_product_view timestamptz, last_product_view timestamptz,
            first_add_to_cart timestamptz, last_add_to_cart timestamptz, first_purchase timestamptz, last_purchase timestamptz,
            origin_key uhugeint, came struct("at" timestamptz, id uuid, traffic_source varchar, channel varchar, campaign varchar),
            entry struct("at" timestamptz, id uuid, page varchar), "exit" struct("at" timestamptz, id uuid, page varchar))""",
        """create table identities_with_keys (
            site varchar not null, anonymous_id varchar not null, user_id varchar not null, since timestamptz not null,
            anonymous_key uhugeint not null, user_key uhugeint not null)""",
        "insert into identities_with_keys select *, md5_number(anonymous_id), md5_number(user_id) from identities",
        "drop table identities",
        "alter table identities_with_keys rename to identities",
    ),
    (
        "create table flushes (number bigint not null)",  # one row; without a key and apart from states, as every question reads it first
        """insert into flushes
            select coalesce(max(case when name = 'flushes' then decode(value)::bigint end), 0) from state""",
        "delete from state where name = 'flushes'",
    ),
)
"""Statements by version of the store, from 1 on; a store of version n is brought up by the lists after the n-th, which are never edited."""

REMADE: Final = {3: ("session_parts",)}
"""Version → tables that its statements leave empty: they are filled from the events, in today's words, when all versions are done."""

ORDER_ITEMS: Final = """
select e.site, e.timestamp, e.event_id, e.order_id, item.product_id, item.product_name, item.product_category, item.quantity,
    item.price, e.currency,
    (item.quantity * item.price::decimal(38, 4))::decimal(38, 4) as amount,
    (item.quantity * item.price::decimal(38, 4) * e.rate)::decimal(38, 4) as revenue,  -- far from overflow: lines add up to a total
    e.source, e.platform, e.country, e.traffic_source, e.channel, e.campaign
from (select *, unnest(items) as item from {rows} where event_type = 'purchase') e
"""

MINUTE_TOTALS: Final = """
select site, make_timestamptz(minute * 60000000) as minute, * exclude (site, minute) from (
    select site, epoch_us(timestamp) // 60000000 as minute, event_type, source, platform, country, traffic_source, channel, campaign,
        case when event_type = 'purchase' then currency end as currency,
        count(*) as events, coalesce(sum(quantity), 0)::bigint as quantity,
        coalesce(sum(total) filter (event_type = 'purchase'), 0)::decimal(38, 4) as amount,
        coalesce(sum(revenue), 0)::decimal(38, 4) as revenue
    from {rows} group by all)
"""  # `date_trunc` asks for the time zone's calendar at every row, which costs as much as all the sums

STEP_TYPES: Final = ("page_view", "product_view", "add_to_cart", "purchase")
"""The event types whose first and last times the parts of sessions carry."""
_STEPS: Final = "".join(
    f"""
    min(timestamp) filter (event_type = '{kind}') as first_{kind}, max(timestamp) filter (event_type = '{kind}') as last_{kind},"""
    for kind in STEP_TYPES
)

_WITHOUT_ID: Final = """
    union all  -- without a session id, a pause of 30 minutes begins a new part; parts that touch are merged when they are asked for
    select * exclude (pause), sum(pause) over (
        partition by site, user_id, anonymous_id order by timestamp, event_id rows unbounded preceding) as stretch
    from (select *, case when timestamp - lag(timestamp) over (
            partition by site, user_id, anonymous_id order by timestamp, event_id) <= interval 30 minutes then 0 else 1 end as pause
        from {rows} where session_id is null)"""
SESSION_PARTS: Final = f"""
with marked as (
    select *, null as stretch from {{rows}} where session_id is not null{_WITHOUT_ID}
), summed as (
    select site, epoch_us(timestamp) // 3600000000 as hour, session_id, user_id, anonymous_id, source, platform, country,
        min(timestamp) as began_at, max(timestamp) as ended_at,
        count(*) as events, count(*) filter (event_type = 'page_view') as page_views,
        count(*) filter (event_type = 'product_view') as product_views,
        count(*) filter (event_type = 'add_to_cart') as carts, count(*) filter (event_type = 'purchase') as orders,
        sum(revenue)::decimal(38, 4) as revenue,{_STEPS}
        min({{{{'at': timestamp, 'id': event_id, 'traffic_source': traffic_source, 'channel': channel, 'campaign': campaign}}}})
            filter (coalesce(traffic_source, channel, campaign) is not null) as came,
        min({{{{'at': timestamp, 'id': event_id, 'page': page_path}}}}) filter (page_path is not null) as entry,
        max({{{{'at': timestamp, 'id': event_id, 'page': page_path}}}}) filter (page_path is not null) as "exit"
    from marked
    group by site, epoch_us(timestamp) // 3600000000, session_id, user_id, anonymous_id, source, platform, country, stretch
)
select site, make_timestamptz(hour * 3600000000) as hour, session_id, user_id, anonymous_id, source, platform, country,
    md5_number(session_id) as session_key, md5_number(user_id) as user_key, md5_number(anonymous_id) as anonymous_key,
    began_at, ended_at, events, page_views, product_views, carts, orders, revenue,
    {", ".join(f"first_{kind}, last_{kind}" for kind in STEP_TYPES)},
    case when came is not null then md5_number(concat(length(came.traffic_source), ':', length(came.channel), ':',
        length(came.campaign), ':', came.traffic_source, came.channel, came.campaign)) end as origin_key,  -- the lengths tell null from ''
    came, entry, "exit"
from summed
"""
"""Keys are the MD5 of their texts: different people, sessions and origins are counted by them three times as fast, and as well."""

SESSION_PARTS_WITH_ID: Final = SESSION_PARTS.replace(_WITHOUT_ID, "")
"""The same of events that all have a session id: to look for others would take a quarter of the time."""

IDENTITIES: Final = """
select site, anonymous_id, user_id, min(timestamp) as since, md5_number(anonymous_id) as anonymous_key, md5_number(user_id) as user_key
from {rows} where anonymous_id is not null and user_id is not null group by site, anonymous_id, user_id
"""

SUMS: Final = {"order_items": ORDER_ITEMS, "minute_totals": MINUTE_TOTALS, "session_parts": SESSION_PARTS}
"""Table → the query (a format string) that makes its rows from the events `{rows}`."""


def sum_queries(rows: pa.Table) -> dict[str, str]:
    """`SUMS` for just these events."""
    return SUMS if rows.column("session_id").null_count else {**SUMS, "session_parts": SESSION_PARTS_WITH_ID}


VISITORS: Final = """
select site, anonymous_id, arg_min(user_id, (since, user_id)) as user_id from identities group by site, anonymous_id
"""

_SEEN_PARTS: Final = """
select p.*, coalesce(p.user_id, v.user_id, p.anonymous_id) as visitor
from session_parts p left join visitors v on v.site = p.site and v.anonymous_id = p.anonymous_id
where p.session_id is {given}"""

STRETCHES: Final = """select * exclude (pause), sum(pause) over (partition by {keys} order by began_at) as stretch
    from (select *, case when began_at - max(ended_at) over (
            partition by {keys} order by began_at rows between unbounded preceding and 1 preceding)
            <= interval 30 minutes then 0 else 1 end as pause
        from {parts})"""
"""Parts without a session id, numbered by the stretch between pauses of 30 minutes that each belongs to."""

SESSIONS: Final = f"""
with numbered as (  -- only parts without a session id have to be put in order; those that began at once are of one stretch, in any order
    select *, null::hugeint as stretch from ({_SEEN_PARTS.format(given="not null")})
    union all
    {STRETCHES.format(keys="site, visitor", parts=f"({_SEEN_PARTS.format(given='null')})")}
), merged as (
    select site, session_id as given_id, case when session_id is null then visitor end as given_visitor, stretch,
        min({{'at': began_at, 'source': source, 'platform': platform, 'country': country}}) as began,
        min({{'at': began_at, 'user_id': user_id}}) filter (user_id is not null) as who, min(visitor) as visitor,
        min(came) as came, min(entry) as entry, max("exit") as "exit",
        max(ended_at) as ended_at, sum(events)::bigint as events, sum(page_views)::bigint as page_views,
        sum(product_views)::bigint as product_views, sum(carts)::bigint as carts, sum(orders)::bigint as orders,
        coalesce(sum(revenue), 0)::decimal(38, 4) as revenue
    from numbered group by all
)
select site, coalesce(given_id, given_visitor || '@' || epoch_us(began.at)) as session_id, coalesce(given_visitor, who.user_id,
    visitor) as visitor,
    began.at as started_at, ended_at, events, page_views, product_views, carts, orders, revenue,
    began.source as source, began.platform as platform, began.country as country,
    came.traffic_source as traffic_source, came.channel as channel, came.campaign as campaign, entry.page as entry_page,
    "exit".page as exit_page
from merged
"""

READINGS: Final = {"visitors": VISITORS, "sessions": SESSIONS}
"""View → its definition over the relations, in the order in which they build on each other."""
