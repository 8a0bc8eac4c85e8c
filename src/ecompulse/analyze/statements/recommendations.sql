-- Products that others bought or looked at together with what this person did, counted as pairs of (person, product); a purchase weighs five views.
-- The score is the share of the weight of a product's pairs, between 0 and 1 of the best one. Without a history: what is popular.
with history as (
    select unnest($sites::varchar[]) as site, unnest($products::varchar[]) as product_id, unnest($weights::bigint[]) as weight
),
touched as (
    select site, user_id, anonymous_id, product_id, product_name, case when event_type = 'add_to_cart' then 2 else 1 end as weight
    from events
    where event_type in ('product_view', 'add_to_cart') and product_id is not null and timestamp >= $since and ($site is null or site = $site)
    union all
    select site, user_id, anonymous_id, item.product_id, item.product_name, 5
    from (
        select site, user_id, anonymous_id, unnest(items) as item
        from events
        where event_type = 'purchase' and timestamp >= $since and ($site is null or site = $site)
    )
    where item.product_id is not null
),
known as (
    select site, anonymous_id, arg_min(user_id, (since, user_id)) as user_id
    from identities
    where anonymous_key in (select md5_number(unnest(list(distinct anonymous_id))) from touched where user_id is null)
    group by site, anonymous_id
),
baskets as (
    select t.site, coalesce(t.user_id, k.user_id, t.anonymous_id) as visitor, t.product_id, max(t.product_name) as product_name,
        least(sum(t.weight), 20) as weight
    from touched t
    left join known k on k.site = t.site and k.anonymous_id = t.anonymous_id
    group by all
),
neighbours as (
    select b.site, b.visitor, sum(least(b.weight, h.weight)) as likeness
    from baskets b
    join history h on h.site = b.site and h.product_id = b.product_id
    where not list_contains($people, b.visitor)
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
