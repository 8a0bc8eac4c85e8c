known_keys as (
    select site, anonymous_key, arg_min(user_key, (since, user_id)) as user_key from identities group by site, anonymous_key
)
