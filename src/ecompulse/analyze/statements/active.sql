-- When people or a session did anything, by the hour. Parts of sessions are fewer than events, and keys are read faster than texts.
with
-- if $people
devices as (
    -- all that may be theirs; whose each is, is for those to decide who read the events
    select unnest(list(distinct anonymous_key)) as anonymous_key
    from identities
    where user_key in (select md5_number(unnest($people::varchar[])))
),
parts as (
    select hour, began_at, ended_at from session_parts where user_key in (select md5_number(unnest($people::varchar[])))
    union all
    select hour, began_at, ended_at from session_parts
    where anonymous_key in (select md5_number(unnest($people::varchar[])) union all select anonymous_key from devices)
)
-- else
parts as (
    select hour, began_at, ended_at from session_parts where session_key = md5_number($session)
)
-- end
select min(began_at) as began_at, max(ended_at) as ended_at
from parts
where true
  and ($since is null or ended_at >= $since)
group by hour
order by 1
