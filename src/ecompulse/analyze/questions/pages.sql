-- title: Pages
-- description: Pages by views, and how often a session began on each.
-- column page_path text: Path of the page, or the name of an app's screen.
-- column views integer: Views of the page.
-- column visitors integer: Different visitors that viewed it.
-- column entries integer: Sessions that began on it.
with
-- include derived, came, matching, sessioned
, views as (
    select
        coalesce(page_path, screen_name) as page_path,
        visitor,
        row_number() over (partition by site, coalesce(session_id, visitor) order by timestamp, event_id) as position
    from sessioned
    where event_type = 'page_view'
)
select
    page_path,
    count(*) as views,
    count(distinct visitor) as visitors,
    count(*) filter (where position = 1) as entries
from views
where page_path is not null
group by page_path
order by views desc, page_path
limit $limit
