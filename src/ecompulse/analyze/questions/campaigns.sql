-- title: Campaigns
-- description: Visitors, sessions and orders of each campaign. Events count with the campaign that their session came from.
-- column campaign text: The campaign (`utm_campaign`); sessions of none are left out.
-- column traffic_source text: Where from.
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
    select *, dense_rank() over (order by campaign, traffic_source)::int as place from origins where campaign is not null
),
-- include placed_by_origin, reckoned
, figures as (
    select o.campaign, o.traffic_source, r.visitors, r.sessions, r.orders, r.revenue, r.buyers
    from reckoned r
    left join (select distinct place, campaign, traffic_source from places) o on o.place = r.place
)
-- else
-- include derived, came, matching, sessioned, attributed
, figures as (
    select campaign, traffic_source, count(distinct visitor) as visitors, count(distinct session_id) as sessions, sum(orders)::bigint as orders,
        sum(revenue) as revenue, count(distinct visitor) filter (where orders > 0) as buyers
    from attributed
    group by campaign, traffic_source
)
-- end
select
    campaign, traffic_source, visitors, sessions, orders,
    coalesce(revenue, 0)::decimal(38, 4) as revenue,
    $currency as currency,
    buyers::double / nullif(visitors, 0) as conversion_rate
from figures
where campaign is not null
order by visitors desc, campaign, traffic_source
limit $limit
