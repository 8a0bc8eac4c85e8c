select event_id, event_type, timestamp, received_at, country, platform, page_path, product_id, product_name, query, revenue, total, currency
from events
where received_at > $after
  and received_at <= $until
  and ($site is null or site = $site)
  and ($traffic = 'mixed' or ($traffic = 'synthetic') = (source is not distinct from 'synthetic'))
order by received_at desc, event_id desc
limit $limit
