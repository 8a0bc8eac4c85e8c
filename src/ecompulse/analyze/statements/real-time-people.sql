-- What only the events themselves can tell of the last minutes: different people, and what each of them did last.
with recent as (
    select event_type, timestamp, results_count, duration_ms, site, user_id, anonymous_id
    from events
    where timestamp > $earliest and timestamp <= $now
      and ($site is null or site = $site)
      and ($traffic = 'mixed' or ($traffic = 'synthetic') = (source is not distinct from 'synthetic'))
),
known as (
    -- whose each device is; only those that were seen are looked up, because a store knows many more
    select site, anonymous_id, arg_min(user_id, (since, user_id)) as user_id
    from identities
    where anonymous_key in (select md5_number(unnest(list(distinct anonymous_id))) from recent where user_id is null)
    group by site, anonymous_id
),
people as (
    select
        r.site, coalesce(r.user_id, k.user_id, r.anonymous_id) as visitor,
        max(timestamp) as last_seen,
        count(*) filter (where timestamp > $since) as events,
        count(*) filter (where event_type = 'purchase' and timestamp > $since) as orders,
        max(timestamp) filter (where event_type = 'add_to_cart') as filled_cart,
        max(timestamp) filter (where event_type = 'purchase') as bought
    from recent r
    left join known k on k.site = r.site and k.anonymous_id = r.anonymous_id
    group by all
),
calls as (
    select
        quantile_cont(duration_ms, [0.5, 0.95, 0.99]) filter (where event_type = 'api_call') as latency,
        count(*) filter (where event_type = 'search' and results_count = 0) as searches_without_result
    from recent
    where timestamp > $since
)
select
    count(*) filter (where last_seen > $five_minutes_ago) as active_5m,
    count(*) filter (where last_seen > $half_an_hour_ago) as active_30m,
    count(*) filter (where events > 0) as visitors,
    count(*) filter (where orders > 0) as buyers,
    count(*) filter (where filled_cart > $since and (bought is null or bought < filled_cart)) as carts_open,
    (select latency from calls) as latency,
    (select searches_without_result from calls) as searches_without_result
from people
