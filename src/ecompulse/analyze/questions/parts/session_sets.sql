-- if $by_sessions
chosen_sessions as (
    -- where a shopper came from, and which pages were seen, belongs to the session: these filters choose whole sessions
    select site, session_id
    from came
    where ($traffic_source is null or traffic_source = $traffic_source)
      and ($channel is null or channel = $channel)
      and ($campaign is null or campaign = $campaign)
),
paged_sessions as (
    select site, session_id from events
    where $page is not null and session_id is not null
      and coalesce(page_path, screen_name) = $page and timestamp >= $from and timestamp < $to
-- if $sessionless
    union all
    select site, session_id from derived where $page is not null and page = $page and timestamp >= $from
-- end
),
-- end
