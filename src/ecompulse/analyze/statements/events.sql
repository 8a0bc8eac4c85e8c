-- Events in full that were found, and whose they are.
with found as materialized (
    select *
    from events
    where received_at >= $first and received_at <= $last and event_id in (null
-- each $ids
        , $ids[{n}]::uuid
-- end
    )
),
known as (
    select site, anonymous_id, arg_min(user_id, (since, user_id)) as user_id
    from identities
    where anonymous_key in (select md5_number(unnest(list(distinct anonymous_id))) from found where user_id is null)
    group by site, anonymous_id
)
select f.*, coalesce(f.user_id, k.user_id, f.anonymous_id) as visitor
from found f
left join known k on k.site = f.site and k.anonymous_id = f.anonymous_id
order by f.received_at desc, f.event_id desc
