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
-- include derived, came, matching, sessioned
, visits as (
    -- far fewer rows than events, and the same people and sessions
    select site, visitor, session_id, campaign, traffic_source,
        count(*) filter (where event_type = 'purchase') as orders, sum(revenue) filter (where event_type = 'purchase') as revenue
    from sessioned
    group by site, visitor, session_id, campaign, traffic_source
),
attributed as (
    select
        coalesce(c.campaign, v.campaign) as campaign,
        coalesce(c.traffic_source, v.traffic_source) as traffic_source,
        v.visitor, v.session_id, v.orders, v.revenue
    from visits v
    left join came c on c.site = v.site and c.session_id = v.session_id
)
select
    campaign,
    traffic_source,
    count(distinct visitor) as visitors,
    count(distinct session_id) as sessions,
    sum(orders)::bigint as orders,
    coalesce(sum(revenue), 0)::decimal(38, 4) as revenue,
    $currency as currency,
    (count(distinct visitor) filter (where orders > 0))::double / nullif(count(distinct visitor), 0) as conversion_rate
from attributed
where campaign is not null
group by campaign, traffic_source
order by visitors desc, campaign, traffic_source
limit $limit
