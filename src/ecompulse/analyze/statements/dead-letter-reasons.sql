select reason, field, count(*) as count, max(received_at) as last_seen, count(*) filter (where replayed_at is not null) as replayed
from dead_letters
where ($site is null or site = $site)
group by reason, field
order by count desc, reason, field
limit 1000
