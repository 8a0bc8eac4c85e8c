came as (
    -- a session came from where its first event with a known origin says, as in `sessions`; it may have begun the day before;
    -- parts are taken by whole hours, so that it does not matter which of them are merged
    select site, session_id, (first).traffic_source as traffic_source, (first).channel as channel, (first).campaign as campaign, false as derived
    from (
        select site, session_id, min(came) as first
        from session_parts
        where session_id is not null and came is not null
          and hour > $from::timestamptz - interval 25 hour and hour < $to
-- if $near
          and session_id in (select unnest(list(distinct session_id)) from events where timestamp >= $from and timestamp < $to)
-- end
        group by site, session_id
    )
-- if $sessionless
    union all
    select site, session_id, traffic_source, channel, campaign, true
    from (
        select distinct on (site, session_id) *
        from derived
        where coalesce(traffic_source, channel, campaign) is not null
        order by site, session_id, timestamp, event_id
    )
-- end
)
