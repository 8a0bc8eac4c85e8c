select site, dialect, key, event_type,
    coalesce(sum(count) filter (where outcome = 'stored'), 0)::bigint as stored,
    coalesce(sum(count) filter (where outcome = 'duplicate'), 0)::bigint as duplicates,
    coalesce(sum(count) filter (where outcome = 'dead_letter'), 0)::bigint as dead_letters
from ledger
where ($site is null or site = $site)
group by site, dialect, key, event_type
