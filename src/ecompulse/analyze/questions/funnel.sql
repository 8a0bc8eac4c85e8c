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
taken as materialized (
    select s.position, m.site, m.visitor, m.timestamp
    from matching m
    join (select site, visitor from ways where unclear) u on u.site = m.site and u.visitor = m.visitor
    join steps s on s.step = m.event_type
),
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
