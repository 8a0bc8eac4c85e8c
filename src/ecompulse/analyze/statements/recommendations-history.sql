-- What a person did with products: a view counts 1, a cart 2, a purchase 5.
with
-- include devices
,
own as (
    select site, event_type, product_id, items
    from events
    where event_type in ('product_view', 'add_to_cart', 'purchase') and timestamp >= $earliest and ($site is null or site = $site)
      and (false
-- each $began
        or (timestamp >= $began[{n}] and timestamp <= $ended[{n}])
-- end
      )
      and (list_contains($people, user_id)
        or (user_id is null and (anonymous_id = $user or (site, anonymous_id) in (select site, anonymous_id from devices))))
)
select site, product_id as product, least(sum(weight), 20)::bigint as weight
from (
    select site, product_id, case when event_type = 'add_to_cart' then 2 else 1 end as weight from own where event_type <> 'purchase'
    union all
    select site, item.product_id, 5 from (select site, unnest(items) as item from own where event_type = 'purchase')
)
where product_id is not null
group by site, product_id
order by weight desc, site, product
limit $most
