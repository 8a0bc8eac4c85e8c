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
-- include derived, came, matching, sessioned
, visits as (
    -- far fewer rows than events, and the same people and sessions
    select site, visitor, session_id, traffic_source, channel,
        count(*) filter (where event_type = 'purchase') as orders, sum(revenue) filter (where event_type = 'purchase') as revenue
    from sessioned
    group by site, visitor, session_id, traffic_source, channel
),
attributed as (
    select
        coalesce(c.traffic_source, v.traffic_source) as traffic_source,
        coalesce(c.channel, v.channel) as channel,
        v.visitor, v.session_id, v.orders, v.revenue
    from visits v
    left join came c on c.site = v.site and c.session_id = v.session_id
)
select
    traffic_source,
    channel,
    count(distinct visitor) as visitors,
    count(distinct session_id) as sessions,
    sum(orders)::bigint as orders,
    coalesce(sum(revenue), 0)::decimal(38, 4) as revenue,
    $currency as currency,
    (count(distinct visitor) filter (where orders > 0))::double / nullif(count(distinct visitor), 0) as conversion_rate
from attributed
group by traffic_source, channel
order by visitors desc, traffic_source, channel
limit $limit
