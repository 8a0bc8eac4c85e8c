came as (
    -- a session came from where its first event with a known origin says, as in `sessions`; it may have begun the day before
    select distinct on (site, session_id) site, session_id, traffic_source, channel, campaign
    from (
        select site, session_id, timestamp, event_id, traffic_source, channel, campaign
        from events
        where session_id is not null and timestamp >= $from::timestamptz - interval 1 day and timestamp < $to
        union all
        select site, session_id, timestamp, event_id, traffic_source, channel, campaign from derived
    )
    where traffic_source is not null
    order by site, session_id, timestamp, event_id
)
