-- title: Funnel
-- description: How many visitors went from step to step, each step at or after the one before; `window` bounds the time from first step to last.
-- column step text: The event type of the step.
-- column visitors integer: Visitors that reached this step in order.
-- column conversion_rate rate: Share of the first step's visitors; null when there were none.
with recursive
-- include derived, came, matching
, steps as (
    select unnest($steps::varchar[]) as step, generate_subscripts($steps::varchar[], 1) as position
),
-- if $by_parts
-- include known_keys
,
stepped as not materialized (
    -- first and last times of each step: kept of whole hours, made of the events of the pieces of hours at the ends of the range
    select site, user_key, anonymous_key, source, platform, country
-- each $steps
        , case $steps[{n}] when 'page_view' then first_page_view when 'product_view' then first_product_view
            when 'add_to_cart' then first_add_to_cart else first_purchase end as first_{n}
        , case $steps[{n}] when 'page_view' then last_page_view when 'product_view' then last_product_view
            when 'add_to_cart' then last_add_to_cart else last_purchase end as last_{n}
-- end
    from session_parts
    where hour >= $whole_from and hour < $whole_to
-- each $piece_starts
    union all
    select site, md5_number(user_id), md5_number(anonymous_id), source, platform, country
-- each $steps
        , min(timestamp) filter (where event_type = $steps[{n}]), max(timestamp) filter (where event_type = $steps[{n}])
-- end
    from events
    where timestamp >= $piece_starts[{n}] and timestamp < $piece_ends[{n}]
    group by site, user_id, anonymous_id, source, platform, country
-- end
),
people as (
    -- each visitor's first and last time of each step
    select s.site, coalesce(s.user_key, k.user_key, s.anonymous_key) as visitor
-- each $steps
        , min(s.first_{n}) as first_{n}, max(s.last_{n}) as last_{n}
-- end
    from stepped s
    left join known_keys k on k.site = s.site and k.anonymous_key = s.anonymous_key
    where ($site is null or s.site = $site)
      and ($traffic = 'mixed' or ($traffic = 'synthetic') = (s.source is not distinct from 'synthetic'))
      and ($source is null or s.source = $source)
      and ($platform is null or s.platform = $platform)
      and ($country is null or s.country = $country)
      and (false
-- each $steps
        or s.first_{n} is not null
-- end
      )
    group by s.site, coalesce(s.user_key, k.user_key, s.anonymous_key)
),
-- else
devices as (
    select site, user_id, anonymous_id
-- each $steps
        , min(timestamp) filter (event_type = $steps[{n}]) as first_{n}, max(timestamp) filter (event_type = $steps[{n}]) as last_{n}
-- end
-- if $by_sessions
    from matching
-- else
    from (
-- include chosen
    )
-- end
    where event_type in (''
-- each $steps
        , $steps[{n}]
-- end
    )
    group by site, user_id, anonymous_id
),
people as (
    -- each visitor's first and last time of each step
    select d.site, coalesce(d.user_id, k.user_id, d.anonymous_id) as visitor
-- each $steps
        , min(d.first_{n}) as first_{n}, max(d.last_{n}) as last_{n}
-- end
    from devices d
    left join known k on k.site = d.site and k.anonymous_id = d.anonymous_id
    group by d.site, coalesce(d.user_id, k.user_id, d.anonymous_id)
),
-- end
ways as materialized (
    -- at_n: the earliest time at which all steps up to the n-th were taken, which is the first time of the n-th for nearly everybody
    select site, visitor, first_1 as at_0
-- each $steps
        , case when first_{n} >= at_{p} then first_{n} end as at_{n}
        , coalesce(last_{n} >= at_{p}, false) as took_{n}
-- end
        , false
-- each $steps
            -- taken before and after the one it follows: which time was the first after it, only the events know
            or coalesce({n} < len($steps::varchar[]) and first_{n} < at_{p} and last_{n} >= at_{p}, false)
-- end
-- if $window_seconds
            -- longer at it than the window: perhaps not for all of its tries
            or coalesce(epoch(greatest(
-- each $steps
                last_{n},
-- end
                first_1)) - epoch(first_1) > $window_seconds, false)
-- end
        as unclear
    from people
),
-- if $by_parts
unclear as materialized (
    -- what events call those whose way only the events know
    select distinct p.site, p.user_id, p.anonymous_id, coalesce(p.user_key, k.user_key, p.anonymous_key) as visitor
    from session_parts p
    left join known_keys k on k.site = p.site and k.anonymous_key = p.anonymous_key
    where p.began_at < $to and p.ended_at >= $from
      and (p.site, coalesce(p.user_key, k.user_key, p.anonymous_key)) in (select site, visitor from ways where unclear)
),
taken as materialized (
    select s.position, u.site, u.visitor, c.timestamp
    from (
-- include chosen
    ) c
    join unclear u on u.site = c.site and u.user_id is not distinct from c.user_id and u.anonymous_id is not distinct from c.anonymous_id
    join steps s on s.step = c.event_type
),
-- else
taken as materialized (
    select s.position, m.site, m.visitor, m.timestamp
    from matching m
    join (select site, visitor from ways where unclear) u on u.site = m.site and u.visitor = m.visitor
    join steps s on s.step = m.event_type
),
-- end
reached as (
    select position, site, visitor, timestamp, timestamp as started
    from taken
    where position = 1
    union all
    -- of the chains that a step can end, the one that started last is the shortest: when it is outside the window, all are
    select position, site, visitor, timestamp, latest
    from (
        select *, max(started) over (partition by site, visitor order by timestamp, position rows unbounded preceding) as latest
        from (
            select * from reached
            union all
            select position, site, visitor, timestamp, null from taken where position = (select max(position) + 1 from reached)
        ) beside
    ) chained
    where started is null and latest is not null
      and ($window_seconds is null or timestamp <= latest + to_seconds($window_seconds))
),
counted as (
    select position, sum(visitors)::bigint as visitors
    from (
        select position, count(distinct (site, visitor)) as visitors from reached group by position
-- each $steps
        union all
        select {n}, count(*) from ways where took_{n} and not unclear
-- end
    )
    group by position
)
select
    s.step,
    coalesce(c.visitors, 0) as visitors,
    coalesce(c.visitors, 0)::double / nullif(first_value(coalesce(c.visitors, 0)) over (order by s.position), 0) as conversion_rate
from steps s
left join counted c on c.position = s.position
order by s.position
limit $limit
