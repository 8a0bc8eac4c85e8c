-- How long calls took in the last minutes, and how many searches found nothing.
select
    quantile_cont(duration_ms, [0.5, 0.95, 0.99]) filter (where event_type = 'api_call') as latency,
    count(*) filter (where event_type = 'search' and results_count = 0) as searches_without_result
from events
where event_type in ('api_call', 'search') and timestamp > $since and timestamp <= $now
  and ($site is null or site = $site)
  and ($traffic = 'mixed' or ($traffic = 'synthetic') = (source is not distinct from 'synthetic'))
