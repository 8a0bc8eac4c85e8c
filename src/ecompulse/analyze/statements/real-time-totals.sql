-- What the sums that are kept as rows arrive tell of the last minutes.
select
    coalesce(sum(events), 0)::bigint as events,
    coalesce(sum(events) filter (where event_type = 'purchase'), 0)::bigint as orders,
    coalesce(sum(revenue) filter (where event_type = 'purchase'), 0)::decimal(38, 4) as revenue,
    coalesce(sum(events) filter (where event_type = 'error'), 0)::bigint as errors
from minute_totals
where minute > $since and minute <= $now
  and ($site is null or site = $site)
  and ($traffic = 'mixed' or ($traffic = 'synthetic') = (source is not distinct from 'synthetic'))
