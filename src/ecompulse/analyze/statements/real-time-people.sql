-- What only the events themselves can tell of the last minutes: different people, and what each of them did last.
with recent as (
    select e.event_type, e.timestamp, e.results_count, e.duration_ms, e.site, coalesce(e.user_id, v.user_id, e.anonymous_id) as visitor
    from events e
    left join visitors v on v.site = e.site and v.anonymous_id = e.anonymous_id
    where e.timestamp > $earliest and e.timestamp <= $now
      and ($site is null or e.site = $site)
      and ($traffic = 'mixed' or ($traffic = 'synthetic') = (e.source is not distinct from 'synthetic'))
),
people as (
    select
        site, visitor,
        max(timestamp) as last_seen,
        count(*) filter (where timestamp > $since) as events,
        count(*) filter (where event_type = 'purchase' and timestamp > $since) as orders,
        max(timestamp) filter (where event_type = 'add_to_cart') as filled_cart,
        max(timestamp) filter (where event_type = 'purchase') as bought
    from recent
    group by site, visitor
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
