-- title: Latency
-- description: How long the shop's own API calls took, over time, and the share of them that failed.
-- column time timestamp: Start of the bucket, in UTC.
-- column requests integer: API calls.
-- column p50 number: Half of the calls were at most this long, in milliseconds; null without calls.
-- column p95 number: 95 of 100 calls were at most this long, in milliseconds.
-- column p99 number: 99 of 100 calls were at most this long, in milliseconds.
-- column error_rate rate: Share of the calls answered with status 500 or above; null without calls.
with
-- include buckets, derived, came
, wanted as (  -- whose calls they are is not asked
    select event_id, site, session_id, timestamp, duration_ms, status_code
    from (
-- include chosen
    )
    where event_type = 'api_call'
),
-- include session_sets
calls as (
-- if $width_ms
    select c.timestamp, c.duration_ms, c.status_code, (epoch_ms(c.timestamp) - $first_ms) // $width_ms as place
    from wanted c
-- else
    select c.timestamp, c.duration_ms, c.status_code, b.place
    from wanted c
    join buckets b on c.timestamp >= b.time and c.timestamp < b.until
-- end
-- include session_filters
)
select
    b.time,
    count(c.timestamp) as requests,
    percentile_cont(0.5) within group (order by c.duration_ms) as p50,
    percentile_cont(0.95) within group (order by c.duration_ms) as p95,
    percentile_cont(0.99) within group (order by c.duration_ms) as p99,
    (count(*) filter (where c.status_code >= 500))::double / nullif(count(c.timestamp), 0) as error_rate
from buckets b
left join calls c on c.place = b.place
group by b.time
order by b.time
limit $limit
