-- title: Sessions
-- description: Sessions by the time they began: how long, how deep, and how many ended after one page.
-- column time timestamp: Start of the bucket, in UTC.
-- column sessions integer: Sessions that began in the bucket.
-- column visitors integer: Different visitors of them.
-- column average_duration_seconds number: Mean time from first to last event; null without sessions.
-- column bounce_rate rate: Share of the sessions with at most one page and no order; null without sessions.
-- column pages_per_session number: Mean page views; null without sessions.
with
-- include buckets, derived, came, matching, began
, chosen as (
    select *
    from began
    where not $by_events or (site, session_id) in (select site, session_id from matching)
)
select
    b.time,
    count(s.visitor) as sessions,
    count(distinct s.visitor) as visitors,
    avg(epoch(s.ended_at) - epoch(s.started_at)) as average_duration_seconds,
    (count(s.visitor) filter (where s.page_views <= 1 and s.orders = 0))::double / nullif(count(s.visitor), 0) as bounce_rate,
    avg(s.page_views)::double as pages_per_session
from buckets b
left join chosen s on s.started_at >= b.time and s.started_at < b.until
group by b.time
order by b.time
limit $limit
