-- title: Searches
-- description: What people search for in the shop, and how often nothing was found.
-- column query text: What was searched for, in lower case.
-- column searches integer: How often.
-- column visitors integer: Different visitors that searched for it.
-- column without_results integer: How often nothing was found.
with
-- include derived, came
, wanted as materialized (
    select event_id, site, session_id, user_id, anonymous_id, query, results_count
    from (
-- include chosen
    )
    where event_type = 'search' and query is not null
),
-- include matching_wanted
select
    lower(trim(query)) as query,
    count(*) as searches,
    count(distinct visitor) as visitors,
    count(*) filter (where results_count = 0) as without_results
from matching
group by 1
order by searches desc, 1
limit $limit
