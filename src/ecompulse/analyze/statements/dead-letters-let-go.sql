select cause, sum(count)::bigint as count, sum(replayed)::bigint as replayed, sum(bytes)::bigint as bytes,
    min(first_received_at) as first_received_at, max(last_received_at) as last_received_at, max(last_let_go_at) as last_let_go_at
from dead_letters_let_go
where ($site is null or site = $site)
group by cause
order by cause
