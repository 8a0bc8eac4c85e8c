devices as (
    -- those that are known to be these people's; each belongs to whom it met first
    select site, anonymous_id
    from (
        select site, anonymous_id, arg_min(user_id, (since, user_id)) as user_id
        from identities
        where anonymous_key in (
            select unnest(list(distinct anonymous_key)) from identities where user_key in (select md5_number(unnest($people::varchar[]))))
        group by site, anonymous_id
    )
    where list_contains($people, user_id)
)
