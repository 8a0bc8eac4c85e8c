-- Different people of the last minutes, and what each of them did last: from the parts of sessions, which are fewer than events.
with recent as (
    select site, user_key, anonymous_key, ended_at, last_add_to_cart, last_purchase
    from session_parts
    where ended_at > $earliest and began_at <= $now
      and ($site is null or site = $site)
      and ($traffic = 'mixed' or ($traffic = 'synthetic') = (source is not distinct from 'synthetic'))
),
known as (
    -- whose each device is; only those that were seen are looked up, because a store knows many more
    select site, anonymous_key, arg_min(user_key, (since, user_id)) as user_key
    from identities
    where anonymous_key in (select unnest(list(distinct anonymous_key)) from recent where user_key is null)
    group by site, anonymous_key
),
people as (
    select
        r.site, coalesce(r.user_key, k.user_key, r.anonymous_key) as visitor,
        max(ended_at) as last_seen, max(last_add_to_cart) as filled_cart, max(last_purchase) as bought
    from recent r
    left join known k on k.site = r.site and k.anonymous_key = r.anonymous_key
    group by all
)
select
    count(*) filter (where last_seen > $five_minutes_ago) as active_5m,
    count(*) filter (where last_seen > $half_an_hour_ago) as active_30m,
    count(*) filter (where last_seen > $since) as visitors,
    count(*) filter (where bought > $since) as buyers,
    count(*) filter (where filled_cart > $since and (bought is null or bought < filled_cart)) as carts_open
from people
