select coalesce(page_path, screen_name) as page_path, count(*) as views
from events
where event_type = 'page_view' and coalesce(page_path, screen_name) is not null and timestamp > $since and timestamp <= $now
  and ($site is null or site = $site)
  and ($traffic = 'mixed' or ($traffic = 'synthetic') = (source is not distinct from 'synthetic'))
group by 1
order by views desc, page_path
limit 5
