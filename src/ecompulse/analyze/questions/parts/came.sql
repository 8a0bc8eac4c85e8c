came as (
    -- a session came from where its first event with a known origin says, as in `sessions`; it may have begun the day before
    select site, session_id, (first).traffic_source as traffic_source, (first).channel as channel, (first).campaign as campaign
    from (
        select site, session_id, min(came) as first
        from session_parts
        where session_id is not null and came is not null
          and ended_at >= $from::timestamptz - interval 1 day and (began)."at" < $to
-- if $near
          and session_id in (select unnest(list(distinct session_id)) from events where timestamp >= $from and timestamp < $to)
-- end
        group by site, session_id
    )
-- if $sessionless
    union all
    select site, session_id, traffic_source, channel, campaign
    from (
        select distinct on (site, session_id) *
        from derived
        where traffic_source is not null
        order by site, session_id, timestamp, event_id
    )
-- end
)
