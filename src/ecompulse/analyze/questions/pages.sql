-- title: Pages
-- description: Pages by views, and how often a session began on each.
-- column page_path text: Path of the page, or the name of an app's screen.
-- column views integer: Views of the page.
-- column visitors integer: Different visitors that viewed it.
-- column entries integer: Sessions that began on it.
with
-- include derived, came, matching, sessioned
,
viewed as (
    select coalesce(page_path, screen_name) as page_path, count(*) as views, count(distinct visitor) as visitors
    from sessioned
    where event_type = 'page_view' and coalesce(page_path, screen_name) is not null
    group by all
),
begun as (
    -- the first view of each session, also where it has no page; to number all views takes three times as long
    select page_path, count(*) as entries
    from (
        select arg_min_null(coalesce(page_path, screen_name), (timestamp, event_id)) as page_path
        from sessioned
        where event_type = 'page_view'
        group by site, session_id
    )
    group by page_path
)
select v.page_path, v.views, v.visitors, coalesce(b.entries, 0) as entries
from viewed v
left join begun b on b.page_path = v.page_path
order by v.views desc, v.page_path
limit $limit
