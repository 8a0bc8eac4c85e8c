-- Events that arrived in the last seconds, whatever their own time is.
select count(*) as arrived
from events
where received_at > $lately
  and ($site is null or site = $site)
  and ($traffic = 'mixed' or ($traffic = 'synthetic') = (source is not distinct from 'synthetic'))
