-- if $sessionless
derived_origins as (
    select site, md5_number(session_id) as session_key, traffic_source, channel, campaign,
        md5_number(concat(length(traffic_source), ':', length(channel), ':', length(campaign), ':', traffic_source, channel, campaign))
        as origin_key
    from came
    where derived
),
-- end
origins as (
    -- what stands behind the key of an origin
    select origin_key, any_value(traffic_source) as traffic_source, any_value(channel) as channel, any_value(campaign) as campaign
    from (
        select origin_key, (came).traffic_source as traffic_source, (came).channel as channel, (came).campaign as campaign
        from session_parts
        where origin_key is not null and hour > $from::timestamptz - interval 25 hour and hour < $to
-- if $sessionless
        union all
        select origin_key, traffic_source, channel, campaign from derived_origins
-- end
    )
    group by origin_key
),
came_keys as (
    -- where a session came from, for those of which a part in the range may say otherwise: it is not their first, or says nothing, or is no whole one
    select site, session_key, arg_min(origin_key, came) filter (where came is not null) as origin_key
    from session_parts
    where hour > $from::timestamptz - interval 25 hour and hour < $to and session_key in (
        select session_key
        from session_parts
        where session_key is not null and hour > $from::timestamptz - interval 25 hour and hour < $to
        group by session_key
        having max(hour) >= $whole_from::timestamptz - interval 1 hour
           and (min(origin_key) is distinct from max(origin_key) or count(origin_key) < count(*)
             or min(hour) < $whole_from or max(hour) >= $whole_to
-- if $cut_hours
             or bool_or(list_contains($cut_hours::timestamptz[], hour))
-- end
           ))
    group by site, session_key
-- if $sessionless
    union all
    select site, session_key, origin_key from derived_origins
-- end
)
