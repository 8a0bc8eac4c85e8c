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
-- if $near
known as (
    -- of a short range, only the devices that are seen in it are looked up; as a list, so that the few are hashed and not the many
    select site, anonymous_id, arg_min(user_id, (since, user_id)) as user_id
    from identities
    where anonymous_id in (select unnest(list(distinct anonymous_id)) from (
-- include chosen
    ) where user_id is null)
    group by site, anonymous_id
),
-- else
known as (
    select * from visitors
),
-- end
matching as (
    select c.*, coalesce(c.user_id, k.user_id, c.anonymous_id) as visitor
    from (
-- include chosen
    ) c
    left join known k on k.site = c.site and k.anonymous_id = c.anonymous_id
-- if $by_sessions
-- if $sessionless
    left join derived d on c.session_id is null and d.event_id = c.event_id
    where (not $by_origin or (c.site, coalesce(c.session_id, d.session_id)) in (select site, session_id from chosen_sessions))
      and ($page is null or (c.site, coalesce(c.session_id, d.session_id)) in (select site, session_id from paged_sessions))
-- else
    where (not $by_origin or (c.site, c.session_id) in (select site, session_id from chosen_sessions))
      and ($page is null or (c.site, c.session_id) in (select site, session_id from paged_sessions))
-- end
-- end
)
