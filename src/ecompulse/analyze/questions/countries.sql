-- title: Countries
-- description: Where people are.
-- column country text: ISO 3166 code of the country; null when it is not known.
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
    select site, visitor, session_id, country,
        count(*) filter (where event_type = 'purchase') as orders, sum(revenue) filter (where event_type = 'purchase') as revenue
    from sessioned
    group by site, visitor, session_id, country
)
select
    country,
    count(distinct visitor) as visitors,
    count(distinct session_id) as sessions,
    sum(orders)::bigint as orders,
    coalesce(sum(revenue), 0)::decimal(38, 4) as revenue,
    $currency as currency,
    (count(distinct visitor) filter (where orders > 0))::double / nullif(count(distinct visitor), 0) as conversion_rate
from visits
group by country
order by visitors desc, country
limit $limit
