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
taken as (
    select s.position, m.site, m.visitor, m.timestamp
    from matching m
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
    select position, count(distinct (site, visitor)) as visitors
    from reached
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
