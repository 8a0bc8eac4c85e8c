-- title: Top products
-- description: What was looked at, put into carts and bought. Revenue is quantity times price of the lines bought, in the currency that was paid.
-- column product_id text: The product.
-- column product_name text: Its latest name.
-- column views integer: Views of the product.
-- column carts integer: Times it was put into a cart.
-- column orders integer: Orders that it was part of.
-- column quantity integer: How many were bought.
-- column revenue decimal: Quantity times price, in `currency`.
-- column currency text: ISO 4217 code; a product sold in two currencies has two rows.
with
-- include derived, came, matching
, looks as (
    select
        product_id,
        max(product_name) as product_name,
        count(*) filter (where event_type = 'product_view') as views,
        count(*) filter (where event_type = 'add_to_cart') as carts
    from matching
    where event_type in ('product_view', 'add_to_cart') and product_id is not null
    group by product_id
),
sales as (
    select
        o.product_id,
        max(o.product_name) as product_name,
        count(distinct o.event_id) as orders,
        sum(o.quantity) as quantity,
        sum(o.amount) as revenue,
        o.currency
    from order_items o
    where o.timestamp >= $from and o.timestamp < $to
      and ($site is null or o.site = $site)
      and ($source is null or o.source = $source)
      and ($platform is null or o.platform = $platform)
      and ($country is null or o.country = $country)
      and ($traffic = 'mixed' or ($traffic = 'synthetic') = (o.source is not distinct from 'synthetic'))
      and ($product is null or o.product_id = $product)
      and ($event_type is null or $event_type = 'purchase')
-- if $by_events
      and o.event_id in (select event_id from matching where event_type = 'purchase')
-- end
    group by o.product_id, o.currency
)
select
    coalesce(s.product_id, l.product_id) as product_id,
    coalesce(s.product_name, l.product_name) as product_name,
    coalesce(l.views, 0) as views,
    coalesce(l.carts, 0) as carts,
    coalesce(s.orders, 0) as orders,
    coalesce(s.quantity, 0)::bigint as quantity,
    coalesce(s.revenue, 0)::decimal(38, 4) as revenue,
    coalesce(s.currency, $currency) as currency
from looks l
full join sales s on s.product_id = l.product_id
order by revenue desc, views desc, product_id
limit $limit
