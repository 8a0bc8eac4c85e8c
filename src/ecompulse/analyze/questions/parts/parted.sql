summed as not materialized (
    -- what is kept of the whole hours of the range; events of the pieces of hours at its ends and at the ends of buckets, summed up alike
    select site, hour as at, session_key, user_key, anonymous_key, source, platform, country, events, orders, revenue, origin_key
    from session_parts
    where hour >= $whole_from and hour < $whole_to and session_key is not null
-- if $cut_hours
      and not list_contains($cut_hours::timestamptz[], hour)
-- end
-- each $piece_starts
    union all
    select site, $piece_starts[{n}], md5_number(session_id), md5_number(user_id), md5_number(anonymous_id), source, platform, country,
        count(*), count(*) filter (where event_type = 'purchase'), sum(revenue)::decimal(38, 4), null
    from events
    where timestamp >= $piece_starts[{n}] and timestamp < $piece_ends[{n}] and session_id is not null
    group by site, session_id, user_id, anonymous_id, source, platform, country
-- end
-- if $sessionless
    union all
    select e.site, e.timestamp, md5_number(d.session_id), md5_number(e.user_id), md5_number(e.anonymous_id), e.source, e.platform, e.country,
        1, (e.event_type = 'purchase')::bigint, e.revenue, null
    from events e
    join derived d on d.event_id = e.event_id
    where e.session_id is null and e.timestamp >= $from and e.timestamp < $to
-- end
),
parted as not materialized (
    select p.*
    from summed p
    where ($site is null or p.site = $site)
      and ($traffic = 'mixed' or ($traffic = 'synthetic') = (p.source is not distinct from 'synthetic'))
      and ($source is null or p.source = $source)
      and ($platform is null or p.platform = $platform)
      and ($country is null or p.country = $country)
),
came_parted as not materialized (
    -- each with where its session came from
    select p.* replace (case when c.session_key is null then p.origin_key else c.origin_key end as origin_key)
    from parted p
    left join came_keys c on c.site = p.site and c.session_key = p.session_key
),
chosen_parted as not materialized (
-- if $by_origin
    select p.*
    from came_parted p
    join origins o on o.origin_key = p.origin_key
    where ($traffic_source is null or o.traffic_source = $traffic_source)
      and ($channel is null or o.channel = $channel)
      and ($campaign is null or o.campaign = $campaign)
-- else
    select * from parted
-- end
)
