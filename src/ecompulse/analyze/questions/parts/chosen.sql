-- events of the range that the filters of single events leave; put in wherever it is read, because a range's events are too many to be kept
select e.*
from events e
where e.timestamp >= $from and e.timestamp < $to
  and ($site is null or e.site = $site)
  and ($traffic = 'mixed' or ($traffic = 'synthetic') = (e.source is not distinct from 'synthetic'))
  and ($source is null or e.source = $source)
  and ($platform is null or e.platform = $platform)
  and ($country is null or e.country = $country)
  and ($event_type is null or e.event_type = $event_type)
  and ($product is null or e.product_id = $product or e.event_type = any($productless::varchar[]) or e.event_id in (
      select event_id from order_items where product_id = $product and timestamp >= $from and timestamp < $to))
