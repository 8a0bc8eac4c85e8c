with looks as (
    select product_id, max(product_name) as product_name, count(*) as views
    from events
    where event_type = 'product_view' and product_id is not null and timestamp > $since and timestamp <= $now
      and ($site is null or site = $site)
      and ($traffic = 'mixed' or ($traffic = 'synthetic') = (source is not distinct from 'synthetic'))
    group by product_id
),
sales as (
    select product_id, max(product_name) as product_name, count(distinct event_id) as orders, sum(revenue) as revenue
    from order_items
    where timestamp > $since and timestamp <= $now
      and ($site is null or site = $site)
      and ($traffic = 'mixed' or ($traffic = 'synthetic') = (source is not distinct from 'synthetic'))
    group by product_id
)
select
    coalesce(l.product_id, s.product_id) as product_id,
    coalesce(l.product_name, s.product_name) as product_name,
    coalesce(l.views, 0) as views,
    coalesce(s.orders, 0) as orders,
    coalesce(s.revenue, 0)::decimal(38, 4) as revenue,
    $currency as currency
from looks l
full join sales s on s.product_id = l.product_id
order by revenue desc, views desc, product_id
limit 5
