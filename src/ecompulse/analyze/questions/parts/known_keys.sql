known_keys as (
    -- whose each device is; of those that a part in the range has without a user, because a store knows many more
    select site, anonymous_key, arg_min(user_key, (since, user_id)) as user_key
    from identities
    where anonymous_key in (select anonymous_key from session_parts where user_key is null and ended_at >= $from and began_at < $to)
    group by site, anonymous_key
)
