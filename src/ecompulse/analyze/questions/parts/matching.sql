-- include session_sets
-- if $near
known as (
    -- of a short range, only the devices that are seen in it are looked up; as a list, so that the few are hashed and not the many,
    -- and by their keys, because a store's many are read twice as fast as their texts
    select site, anonymous_id, arg_min(user_id, (since, user_id)) as user_id
    from identities
    where anonymous_key in (select md5_number(unnest(list(distinct anonymous_id))) from (
-- include chosen
    ) where user_id is null)
    group by site, anonymous_id
),
-- else
known as (
    -- of a longer one those that a part of a session says, which are fewer than its events; a store knows many more
    select site, anonymous_id, arg_min(user_id, (since, user_id)) as user_id
    from identities
    where anonymous_key in (
        select anonymous_key from session_parts where user_key is null and ended_at >= $from and began_at < $to)
    group by site, anonymous_id
),
-- end
matching as (
    select c.*, coalesce(c.user_id, k.user_id, c.anonymous_id) as visitor
    from (
-- include chosen
    ) c
    left join known k on k.site = c.site and k.anonymous_id = c.anonymous_id
-- include session_filters
)
