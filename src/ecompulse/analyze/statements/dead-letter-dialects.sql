select dialect, count(*) as count
from dead_letters
where ($site is null or site = $site)
group by dialect
order by dialect
limit 100
