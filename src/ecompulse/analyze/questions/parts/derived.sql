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
                select e.event_id, e.site, e.timestamp, e.traffic_source, e.channel, e.campaign,
                    coalesce(e.page_path, e.screen_name) as page, coalesce(e.user_id, v.user_id, e.anonymous_id) as visitor
                from events e
                left join visitors v on v.site = e.site and v.anonymous_id = e.anonymous_id
                where e.session_id is null
                  and e.timestamp >= $from::timestamptz - interval 1 day and e.timestamp < $to
            )
        )
    )
)
