-- Products that others bought or looked at together with what this person did, counted as pairs of (person, product); a purchase weighs five views.
-- The score is the share of the weight of a product's pairs, between 0 and 1 of the best one. Without a history: what is popular.
with touched as (
    select e.site, coalesce(e.user_id, v.user_id, e.anonymous_id) as visitor, e.product_id, max(e.product_name) as product_name,
        sum(case when e.event_type = 'add_to_cart' then 2 else 1 end) as weight
    from events e
    left join visitors v on v.site = e.site and v.anonymous_id = e.anonymous_id
    where e.event_type in ('product_view', 'add_to_cart') and e.product_id is not null
      and e.timestamp >= $since and ($site is null or e.site = $site)
    group by 1, 2, 3
    union all
    select o.site, coalesce(e.user_id, v.user_id, e.anonymous_id), o.product_id, max(o.product_name), 5 * count(*)
    from order_items o
    join events e on e.event_id = o.event_id and e.event_type = 'purchase' and e.timestamp >= $since
    left join visitors v on v.site = e.site and v.anonymous_id = e.anonymous_id
    where o.timestamp >= $since and o.product_id is not null and ($site is null or o.site = $site)
    group by 1, 2, 3
),
baskets as (
    select site, visitor, product_id, max(product_name) as product_name, least(sum(weight), 20) as weight
    from touched
    group by site, visitor, product_id
),
person as (
    select distinct site, visitor from baskets where visitor = $user
    union
    select site, user_id from visitors where anonymous_id = $user
),
history as (
    select b.site, b.product_id, b.weight, b.visitor
    from baskets b
    join person p on p.site = b.site and p.visitor = b.visitor
),
neighbours as (
    select b.site, b.visitor, sum(least(b.weight, h.weight)) as likeness
    from baskets b
    join history h on h.site = b.site and h.product_id = b.product_id and h.visitor <> b.visitor
    group by b.site, b.visitor
    order by likeness desc
    limit 500
),
together as (
    select b.product_id, max(b.product_name) as product_name, sum(b.weight * n.likeness) as score, 'bought or viewed together' as reason, 1 as rank
    from neighbours n
    join baskets b on b.site = n.site and b.visitor = n.visitor
    where (b.site, b.product_id) not in (select site, product_id from history)
    group by b.product_id
),
popular as (
    select product_id, max(product_name) as product_name, sum(weight) as score, 'popular' as reason, 2 as rank
    from baskets
    where product_id not in (select product_id from history) and product_id not in (select product_id from together)
    group by product_id
),
best as (
    select * from together
    union all
    select * from popular
)
select
    product_id,
    product_name,
    round((score / max(score) over (partition by rank))::double / rank, 4) as score,
    reason
from best
order by rank, score desc, product_id
limit $limit
