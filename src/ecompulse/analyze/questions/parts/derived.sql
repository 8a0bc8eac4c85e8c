sessionless as (
    select event_id, site, timestamp, user_id, anonymous_id, traffic_source, channel, campaign, coalesce(page_path, screen_name) as page
    from events
    where session_id is null and timestamp >= $from::timestamptz - interval 1 day and timestamp < $to
),
sessionless_known as (
    select site, anonymous_id, arg_min(user_id, (since, user_id)) as user_id
    from identities
    where anonymous_key in (select md5_number(unnest(list(distinct anonymous_id))) from sessionless where user_id is null)
    group by site, anonymous_id
),
derived as (
    -- an event without a session id belongs to its visitor's stretch without a pause of 30 minutes, named as in `sessions`
    select event_id, site, timestamp, traffic_source, channel, campaign, page,
        visitor || '@' || epoch_us(min(timestamp) over (partition by site, visitor, stretch)) as session_id
    from (
        select *, sum(pause) over (partition by site, visitor order by timestamp, event_id rows unbounded preceding) as stretch
        from (
            select *, case when timestamp - lag(timestamp) over (partition by site, visitor order by timestamp, event_id)
                <= interval 30 minutes then 0 else 1 end as pause
            from (
                select s.event_id, s.site, s.timestamp, s.traffic_source, s.channel, s.campaign, s.page,
                    coalesce(s.user_id, k.user_id, s.anonymous_id) as visitor
                from sessionless s
                left join sessionless_known k on k.site = s.site and k.anonymous_id = s.anonymous_id
            )
        )
    )
)
