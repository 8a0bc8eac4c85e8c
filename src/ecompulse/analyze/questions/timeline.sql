-- title: Timeline
-- description: The five figures of the overview, over time. Money is in the reporting currency.
-- column time timestamp: Start of the bucket, in UTC.
-- column events integer: Events in the bucket.
-- column visitors integer: Different visitors that did anything.
-- column sessions integer: Different sessions that did anything.
-- column orders integer: Purchases.
-- column revenue decimal: Sum of the orders' totals, in `currency`.
-- column average_order_value decimal: Revenue by orders; null without orders.
-- column conversion_rate rate: Share of the visitors that bought; null without visitors.
-- column currency text: The reporting currency.
with
-- if $by_parts
-- include buckets, derived, came, origins, known_keys, parted
, placed as not materialized (
-- if $width_ms
    select p.*, ((epoch_ms(p.at) - $first_ms) // $width_ms)::int as place
    from chosen_parted p
-- else
    select p.*, b.place::int as place
    from chosen_parted p
    join buckets b on p.at >= b.time and p.at < b.until
-- end
),
-- include reckoned
, figures as (
    select * from reckoned
)
-- else
-- include buckets, derived, came, matching, sessioned
, placed as not materialized (
-- if $width_ms
    select m.*, (epoch_ms(m.timestamp) - $first_ms) // $width_ms as place
    from sessioned m
-- else
    select m.*, b.place
    from sessioned m
    join buckets b on m.timestamp >= b.time and m.timestamp < b.until
-- end
),
visits as (
    -- far fewer rows than events, and the same people and sessions
    select place, visitor, session_id, count(*) as events,
        count(*) filter (where event_type = 'purchase') as orders, sum(revenue) filter (where event_type = 'purchase') as revenue
    from placed
    group by place, visitor, session_id
),
figures as (
    select place, sum(events)::bigint as events, count(distinct visitor) as visitors, count(distinct session_id) as sessions,
        sum(orders)::bigint as orders, sum(revenue) as revenue, count(distinct visitor) filter (where orders > 0) as buyers
    from visits
    group by place
)
-- end
select
    b.time,
    coalesce(f.events, 0) as events,
    coalesce(f.visitors, 0) as visitors,
    coalesce(f.sessions, 0) as sessions,
    coalesce(f.orders, 0) as orders,
    coalesce(f.revenue, 0)::decimal(38, 4) as revenue,
    round(f.revenue / nullif(f.orders, 0), 2)::decimal(18, 2) as average_order_value,
    f.buyers::double / nullif(f.visitors, 0) as conversion_rate,
    $currency as currency
from buckets b
left join figures f on f.place = b.place
order by b.time
limit $limit
