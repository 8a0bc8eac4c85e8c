-- include session_sets
known as (
    -- of the few events of one type only the devices are looked up: a store knows many more
    select site, anonymous_id, arg_min(user_id, (since, user_id)) as user_id
    from identities
    where anonymous_key in (select md5_number(unnest(list(distinct anonymous_id))) from wanted where user_id is null)
    group by site, anonymous_id
),
matching as (
    select c.*, coalesce(c.user_id, k.user_id, c.anonymous_id) as visitor
    from wanted c
    left join known k on k.site = c.site and k.anonymous_id = c.anonymous_id
-- include session_filters
)
