reckoned as (
    -- the figures of each place: people and sessions are told apart by their keys
    select s.place, s.events, s.orders, s.revenue, p.visitors, p.buyers, t.sessions
    from (
        select place, sum(events)::bigint as events, sum(orders)::bigint as orders, sum(revenue) as revenue from placed group by place
    ) s
    join (
        select place, count(*) as visitors, count(*) filter (where bought) as buyers
        from (
            select p.place, coalesce(p.user_key, k.user_key, p.anonymous_key) as visitor, bool_or(p.orders > 0) as bought
            from placed p
            left join known_keys k on k.site = p.site and k.anonymous_key = p.anonymous_key
            group by p.place, coalesce(p.user_key, k.user_key, p.anonymous_key)
        )
        group by place
    ) p on p.place is not distinct from s.place
    join (
        select place, count(*) as sessions from (select distinct place, session_key from placed) group by place
    ) t on t.place is not distinct from s.place
)
