chosen_sessions as (
    -- where a shopper came from, and which pages were seen, belongs to the session: these filters choose whole sessions
    select site, session_id
    from came
    where $by_origin
      and ($traffic_source is null or traffic_source = $traffic_source)
      and ($channel is null or channel = $channel)
      and ($campaign is null or campaign = $campaign)
),
paged_sessions as (
    select site, session_id from events
    where $page is not null and session_id is not null
      and coalesce(page_path, screen_name) = $page and timestamp >= $from and timestamp < $to
    union all
    select site, session_id from derived where $page is not null and page = $page and timestamp >= $from
),
matching as (
    select e.* exclude (session_id), coalesce(e.session_id, d.session_id) as session_id, coalesce(e.user_id, v.user_id, e.anonymous_id) as visitor
    from events e
    left join visitors v on v.site = e.site and v.anonymous_id = e.anonymous_id
    left join derived d on e.session_id is null and d.event_id = e.event_id
    where e.timestamp >= $from and e.timestamp < $to
      and ($site is null or e.site = $site)
      and ($traffic = 'mixed' or ($traffic = 'synthetic') = (e.source is not distinct from 'synthetic'))
      and ($source is null or e.source = $source)
      and ($platform is null or e.platform = $platform)
      and ($country is null or e.country = $country)
      and ($event_type is null or e.event_type = $event_type)
      and ($product is null or e.product_id = $product or e.event_type = any($productless::varchar[]) or e.event_id in (
          select event_id from order_items where product_id = $product and timestamp >= $from and timestamp < $to))
      and (not $by_origin or (e.site, coalesce(e.session_id, d.session_id)) in (select site, session_id from chosen_sessions))
      and ($page is null or (e.site, coalesce(e.session_id, d.session_id)) in (select site, session_id from paged_sessions))
)
