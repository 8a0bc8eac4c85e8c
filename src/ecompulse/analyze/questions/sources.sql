-- title: Sources
-- description: Where sessions came from, and what came of them. Events count where their session came from.
-- column traffic_source text: Where from: a site, a campaign's source; null when it is not known.
-- column channel text: What kind of source: search, social, email, …
-- column visitors integer: Different visitors.
-- column sessions integer: Different sessions.
-- column orders integer: Purchases.
-- column revenue decimal: Sum of the orders' totals, in `currency`.
-- column currency text: The reporting currency.
-- column conversion_rate rate: Share of the visitors that bought.
with
-- if $by_parts
-- include derived, came, origins, known_keys, parted
, places as (
    select *, dense_rank() over (order by traffic_source, channel)::int as place from origins where coalesce(traffic_source, channel) is not null
),
-- include placed_by_origin, reckoned
, figures as (
    select o.traffic_source, o.channel, r.visitors, r.sessions, r.orders, r.revenue, r.buyers
    from reckoned r
    left join (select distinct place, traffic_source, channel from places) o on o.place = r.place
)
-- else
-- include derived, came, matching, sessioned, attributed
, figures as (
    select traffic_source, channel, count(distinct visitor) as visitors, count(distinct session_id) as sessions, sum(orders)::bigint as orders,
        sum(revenue) as revenue, count(distinct visitor) filter (where orders > 0) as buyers
    from attributed
    group by traffic_source, channel
)
-- end
select
    traffic_source, channel, visitors, sessions, orders,
    coalesce(revenue, 0)::decimal(38, 4) as revenue,
    $currency as currency,
    buyers::double / nullif(visitors, 0) as conversion_rate
from figures
order by visitors desc, traffic_source, channel
limit $limit
