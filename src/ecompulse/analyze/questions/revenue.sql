-- title: Revenue
-- description: Orders and what shoppers paid, over time, in each currency that was paid in. Never adds two currencies.
-- column time timestamp: Start of the bucket, in UTC.
-- column orders integer: Purchases in the bucket.
-- column revenue decimal: Sum of the orders' totals, in `currency`.
-- column currency text: ISO 4217 code of the money in this row.
with
-- include buckets, derived, came, matching
, orders as (
-- if $by_events
    select date_trunc('minute', timestamp) as minute, currency, count(*) as orders, sum(total) as revenue
    from matching
    where event_type = 'purchase'
    group by 1, 2
-- else
    -- sums kept as rows arrive answer whatever they can; the rest is read from the events
    select minute, currency, sum(events) as orders, sum(amount) as revenue
    from minute_totals
    where event_type = 'purchase'
      and minute >= $from and minute < $to
      and ($site is null or site = $site)
      and ($source is null or source = $source)
      and ($platform is null or platform = $platform)
      and ($country is null or country = $country)
      and ($traffic = 'mixed' or ($traffic = 'synthetic') = (source is not distinct from 'synthetic'))
    group by minute, currency
-- end
),
placed as (
-- if $width_ms
    select *, (epoch_ms(minute) - $first_ms) // $width_ms as place from orders
-- else
    select o.*, b.place from orders o join buckets b on o.minute >= b.time and o.minute < b.until
-- end
),
currencies as (
    select distinct currency from orders
    union
    select $currency where not exists (select 1 from orders)
)
select b.time, coalesce(sum(o.orders), 0)::bigint as orders, coalesce(sum(o.revenue), 0)::decimal(38, 4) as revenue, c.currency
from buckets b
cross join currencies c
left join placed o on o.currency = c.currency and o.place = b.place
group by b.time, c.currency
order by b.time, c.currency
limit $limit
