select e.*, coalesce(e.user_id, v.user_id, e.anonymous_id) as visitor
from events e
left join visitors v on v.site = e.site and v.anonymous_id = e.anonymous_id
where ($site is null or e.site = $site)
  and ($event_type is null or e.event_type = $event_type)
  and ($visitor is null or e.user_id = $visitor or e.anonymous_id = $visitor or v.user_id = $visitor)
  and ($session is null or e.session_id = $session)
  and ($event_id is null or e.event_id = $event_id::uuid)
  and ($q is null or contains(lower(concat_ws(' ', e.user_id, e.anonymous_id, e.session_id, e.page_url, e.screen_name, e.product_id, e.product_name,
      e.order_id, e.query, e.element_id, e.endpoint, e.message, e.name, e.campaign, e.traffic_source, e.properties::varchar)), lower($q)))
  and ($before::timestamptz is null or e.received_at < $before or (e.received_at = $before and e.event_id < $before_id::uuid))
order by e.received_at desc, e.event_id desc
limit $limit
