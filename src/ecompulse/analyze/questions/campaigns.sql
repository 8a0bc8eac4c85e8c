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
, attributed as (
    select
        coalesce(c.campaign, m.campaign) as campaign,
        coalesce(c.traffic_source, m.traffic_source) as traffic_source,
        m.visitor, m.session_id, m.event_type, m.revenue
    from sessioned m
    left join came c on c.site = m.site and c.session_id = m.session_id
)
select
    campaign,
    traffic_source,
    count(distinct visitor) as visitors,
    count(distinct session_id) as sessions,
    count(*) filter (where event_type = 'purchase') as orders,
    coalesce(sum(revenue) filter (where event_type = 'purchase'), 0)::decimal(38, 4) as revenue,
    $currency as currency,
    (count(distinct visitor) filter (where event_type = 'purchase'))::double / nullif(count(distinct visitor), 0) as conversion_rate
from attributed
where campaign is not null
group by campaign, traffic_source
order by visitors desc, campaign, traffic_source
limit $limit
