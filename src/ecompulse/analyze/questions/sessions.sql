-- title: Sessions
-- description: Sessions by the time they began: how long, how deep, and how many ended after one page.
-- column time timestamp: Start of the bucket, in UTC.
-- column sessions integer: Sessions that began in the bucket.
-- column visitors integer: Different visitors of them.
-- column average_duration_seconds number: Mean time from first to last event; null without sessions.
-- column bounce_rate rate: Share of the sessions with at most one page and no order; null without sessions.
-- column pages_per_session number: Mean page views; null without sessions.
with
-- include buckets, derived, came, matching, sessioned, began
, sat as (
-- if $by_keys
    select md5_number(visitor) as visitor, started_at, ended_at, page_views, orders from began
    union all
    select visitor, started_at, ended_at, page_views, orders from keyed where plain and fits and started_at >= $from and started_at < $to
-- else
    select site, session_id, visitor, started_at, ended_at, page_views, orders from began
-- end
)
, begun as (
-- if $width_ms
    select *, (epoch_ms(started_at) - $first_ms) // $width_ms as place
    from sat
-- else
    select a.*, b.place
    from sat a
    join buckets b on a.started_at >= b.time and a.started_at < b.until
-- end
-- if $by_events
    where (site, session_id) in (select site, session_id from sessioned)
-- end
)
select
    b.time,
    count(s.visitor) as sessions,
    count(distinct s.visitor) as visitors,
    avg(epoch(s.ended_at) - epoch(s.started_at)) as average_duration_seconds,
    (count(s.visitor) filter (where s.page_views <= 1 and s.orders = 0))::double / nullif(count(s.visitor), 0) as bounce_rate,
    avg(s.page_views)::double as pages_per_session
from buckets b
left join begun s on s.place = b.place
group by b.time
order by b.time
limit $limit
