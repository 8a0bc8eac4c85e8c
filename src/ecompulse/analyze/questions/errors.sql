-- title: Errors
-- description: Errors that shoppers met, the most frequent first.
-- column message text: The error's message.
-- column error_type text: Its class.
-- column errors integer: How often.
-- column visitors integer: Different visitors that met it.
-- column last_seen timestamp: When it was last seen, in UTC.
with
-- include derived, came
, wanted as materialized (
    select event_id, site, session_id, user_id, anonymous_id, timestamp, message, error_type
    from (
-- include chosen
    )
    where event_type = 'error'
),
-- include matching_wanted
select
    message,
    error_type,
    count(*) as errors,
    count(distinct visitor) as visitors,
    max(timestamp) as last_seen
from matching
group by message, error_type
order by errors desc, last_seen desc
limit $limit
