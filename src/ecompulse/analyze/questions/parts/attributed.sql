visits as (
    -- far fewer rows than events, and the same people and sessions
    select site, visitor, session_id, count(*) filter (where event_type = 'purchase') as orders,
        sum(revenue) filter (where event_type = 'purchase') as revenue
    from sessioned
    group by site, visitor, session_id
),
attributed as (
    -- each with where its session came from: a session of which any event knows that is in `came`
    select c.traffic_source, c.channel, c.campaign, v.visitor, v.session_id, v.orders, v.revenue
    from visits v
    left join came c on c.site = v.site and c.session_id = v.session_id
)
