select id, reason, field, dialect, site, sender_key, event_id, event_type, received_at, body, body_bytes, replayed_at
from dead_letters
where ($ids is null or id = any($ids::varchar[]))
  and ($reason is null or reason = $reason)
  and ($field is null or field = $field)
  and ($dialect is null or dialect = $dialect)
  and ($site is null or site = $site)
  and ($event_type is null or event_type = $event_type)
  and ($replayed is null or (replayed_at is not null) = $replayed)
  and ($q is null or contains(lower(body), lower($q)))
  and ($before::timestamptz is null or received_at < $before or (received_at = $before and id < $before_id))
order by received_at desc, id desc
limit $limit
