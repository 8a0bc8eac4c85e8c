-- title: Pages
-- description: Pages by views, and how often a session began on each.
-- column page_path text: Path of the page, or the name of an app's screen.
-- column views integer: Views of the page.
-- column visitors integer: Different visitors that viewed it.
-- column entries integer: Sessions that began on it.
with
-- include derived, came, matching, sessioned
,
-- if $near
seen as materialized (
-- else
seen as not materialized (  -- the views of days are too many to be kept
-- end
    select coalesce(page_path, screen_name) as page_path, visitor, site, coalesce(session_id, visitor) as session, timestamp, event_id
    from sessioned
    where event_type = 'page_view'
),
viewed as (
    select page_path, count(*) as views, count(distinct visitor) as visitors
    from seen
    where page_path is not null
    group by page_path
),
begun as (
    -- the first view of each session, also where it has no page; to number all views takes three times as long
    select page_path, count(*) as entries
    from (select arg_min_null(page_path, (timestamp, event_id)) as page_path from seen group by site, session)
    group by page_path
)
select v.page_path, v.views, v.visitors, coalesce(b.entries, 0) as entries
from viewed v
left join begun b on b.page_path = v.page_path
order by v.views desc, v.page_path
limit $limit
