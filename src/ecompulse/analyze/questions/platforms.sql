-- title: Platforms
-- description: What people use: the sender's platform and the source of the event.
-- column platform text: web, ios, android, …; null when the sender did not say.
-- column source text: web, mobile, server or synthetic.
-- column visitors integer: Different visitors.
-- column sessions integer: Different sessions.
-- column orders integer: Purchases.
-- column revenue decimal: Sum of the orders' totals, in `currency`.
-- column currency text: The reporting currency.
-- column conversion_rate rate: Share of the visitors that bought.
with
-- if $by_parts
-- include derived, came, origins, known_keys, parted
, placed as not materialized (
    select *, {'platform': platform, 'source': source} as place from chosen_parted
),
-- include reckoned
, figures as (
    select (place).platform as platform, (place).source as source, visitors, sessions, orders, revenue, buyers from reckoned
)
-- else
-- include derived, came, matching, sessioned
, visits as (
    -- far fewer rows than events, and the same people and sessions
    select site, visitor, session_id, platform, source,
        count(*) filter (where event_type = 'purchase') as orders, sum(revenue) filter (where event_type = 'purchase') as revenue
    from sessioned
    group by site, visitor, session_id, platform, source
),
figures as (
    select platform, source, count(distinct visitor) as visitors, count(distinct session_id) as sessions, sum(orders)::bigint as orders,
        sum(revenue) as revenue, count(distinct visitor) filter (where orders > 0) as buyers
    from visits
    group by platform, source
)
-- end
select
    platform, source, visitors, sessions, orders,
    coalesce(revenue, 0)::decimal(38, 4) as revenue,
    $currency as currency,
    buyers::double / nullif(visitors, 0) as conversion_rate
from figures
order by visitors desc, platform, source
limit $limit
