-- The moment since which people have looked at, laid into a cart or bought about as many products as are compared: by whole minutes, one at least.
select min(minute) as since
from (
    select minute, events, sum(events) over (order by minute desc) as so_far
    from (
        select minute, sum(events) as events
        from minute_totals
        where minute >= $earliest and event_type in ('product_view', 'add_to_cart', 'purchase') and ($site is null or site = $site)
        group by minute
    )
)
where so_far - events < $most
