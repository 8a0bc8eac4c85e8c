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
-- if $by_parts
-- include derived, came, origins, known_keys, parted
, placed as not materialized (
    select *, country as place from chosen_parted
),
-- include reckoned
, figures as (
    select place as country, visitors, sessions, orders, revenue, buyers from reckoned
)
-- else
-- include derived, came, matching, sessioned
, visits as (
    -- far fewer rows than events, and the same people and sessions
    select site, visitor, session_id, country,
        count(*) filter (where event_type = 'purchase') as orders, sum(revenue) filter (where event_type = 'purchase') as revenue
    from sessioned
    group by site, visitor, session_id, country
),
figures as (
    select country, count(distinct visitor) as visitors, count(distinct session_id) as sessions, sum(orders)::bigint as orders,
        sum(revenue) as revenue, count(distinct visitor) filter (where orders > 0) as buyers
    from visits
    group by country
)
-- end
select
    country, visitors, sessions, orders,
    coalesce(revenue, 0)::decimal(38, 4) as revenue,
    $currency as currency,
    buyers::double / nullif(visitors, 0) as conversion_rate
from figures
order by visitors desc, country
limit $limit
