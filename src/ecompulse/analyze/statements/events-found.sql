-- Which events match, the newest of those received between two moments: of all columns only those that tell it are read.
-- if $visitor
with
-- include devices
-- end
select e.event_id, e.received_at
from events e
where true
  and ($since is null or e.received_at >= $since)
  and ($until is null or e.received_at < $until)
-- if $began
  and (false
-- each $began
    or (e.timestamp >= $began[{n}] and e.timestamp <= $ended[{n}])
-- end
  )
-- end
  and ($site is null or e.site = $site)
  and ($event_type is null or e.event_type = $event_type)
  and ($session is null or e.session_id = $session)
  and ($event_id is null or e.event_id = $event_id::uuid)
-- if $visitor
  and (e.user_id = $visitor or e.anonymous_id = $visitor or (e.site, e.anonymous_id) in (select site, anonymous_id from devices))
-- end
-- if $q
  and (contains(lower(e.user_id), lower($q)) or contains(lower(e.anonymous_id), lower($q)) or contains(lower(e.session_id), lower($q))
    or contains(lower(e.page_url), lower($q)) or contains(lower(e.screen_name), lower($q)) or contains(lower(e.product_id), lower($q))
    or contains(lower(e.product_name), lower($q)) or contains(lower(e.order_id), lower($q)) or contains(lower(e.query), lower($q))
    or contains(lower(e.element_id), lower($q)) or contains(lower(e.endpoint), lower($q)) or contains(lower(e.message), lower($q))
    or contains(lower(e.name), lower($q)) or contains(lower(e.campaign), lower($q)) or contains(lower(e.traffic_source), lower($q))
    or contains(lower(e.properties::varchar), lower($q)))
-- end
  and ($before is null or e.received_at < $before or (e.received_at = $before and e.event_id < $before_id::uuid))
order by e.received_at desc, e.event_id desc
limit $limit
