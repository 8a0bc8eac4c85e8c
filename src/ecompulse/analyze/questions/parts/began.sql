-- if $by_keys
known_keys as (
    -- whose each device is, of those that a part near the range has without a user
    select site, anonymous_key, arg_min(user_key, (since, user_id)) as user_key
    from identities
    where anonymous_key in (
        select anonymous_key from session_parts
        where user_key is null and hour > $from::timestamptz - interval 25 hour and hour < $to::timestamptz + interval 1 day)
    group by site, anonymous_key
),
keyed as materialized (
    -- sessions by their keys; plain are those whose parts are of one visitor and all or none fit the filters, which leaves nothing to decide
    select site, session_key, min(visitor) as visitor, min(began_at) as started_at, max(ended_at) as ended_at,
        sum(page_views) as page_views, sum(orders) as orders, bool_and(fits) as fits,
        min(visitor) = max(visitor) and bool_and(fits) = bool_or(fits) as plain
    from (
        select p.site, p.session_key, coalesce(p.user_key, k.user_key, p.anonymous_key) as visitor, p.began_at, p.ended_at, p.page_views, p.orders,
            true
              and ($traffic = 'mixed' or ($traffic = 'synthetic') = (p.source is not distinct from 'synthetic'))
              and ($source is null or coalesce(p.source = $source, false))
              and ($platform is null or coalesce(p.platform = $platform, false))
              and ($country is null or coalesce(p.country = $country, false))
            as fits
        from session_parts p
        left join known_keys k on k.site = p.site and k.anonymous_key = p.anonymous_key
        where p.session_key is not null
          and p.hour > $from::timestamptz - interval 25 hour and p.hour < $to::timestamptz + interval 1 day
          and ($site is null or p.site = $site)
    )
    group by site, session_key
),
-- end
near_parts as not materialized (
    -- sessions are merged from their parts near the range only, so that the cost is the range's, not the store's: none lasts a day;
    -- by whole hours, so that it does not matter which parts are merged
    select *
    from session_parts
    where hour > $from::timestamptz - interval 25 hour and hour < $to::timestamptz + interval 1 day
      and ($site is null or site = $site)
-- if $by_keys
      and (session_key is null or (site, session_key) in (select site, session_key from keyed where not plain))
-- end
-- if $near
      and (session_id is null or session_id in (
          select unnest(list(distinct session_id)) from session_parts where began_at >= $from and began_at < $to and ended_at >= $from))
-- end
),
-- if $near
known_parts as (
    select site, anonymous_id, arg_min(user_id, (since, user_id)) as user_id
    from identities
    where anonymous_key in (select unnest(list(distinct anonymous_key)) from near_parts where user_key is null)
    group by site, anonymous_id
),
-- else
-- if $by_keys
known_parts as (
    select site, anonymous_id, arg_min(user_id, (since, user_id)) as user_id
    from identities
    where anonymous_key in (select anonymous_key from near_parts where user_key is null)
    group by site, anonymous_id
),
-- else
known_parts as (
    select * from visitors
),
-- end
-- end
seen_parts as (
    select p.*, coalesce(p.user_id, k.user_id, p.anonymous_id) as visitor
    from near_parts p
    left join known_parts k on k.site = p.site and k.anonymous_id = p.anonymous_id
),
pauses as (
    -- without a session id, a pause of 30 minutes begins a new session
    select *, case when began_at - max(ended_at) over (
        partition by site, visitor order by began_at rows between unbounded preceding and 1 preceding) <= interval 30 minutes then 0 else 1 end as pause
    from seen_parts
    where session_id is null
),
stretches as (
    select *, sum(pause) over (partition by site, visitor order by began_at) as stretch
    from pauses
),
merged as (
    select site, session_id, coalesce((min({'at': began_at, 'user_id': user_id}) filter (where user_id is not null)).user_id, min(visitor)) as visitor,
        min({'at': began_at, 'source': source, 'platform': platform, 'country': country}) as began, max(ended_at) as ended_at,
        sum(page_views) as page_views, sum(orders) as orders
    from seen_parts
    where session_id is not null
    group by site, session_id
    union all
    select site, visitor || '@' || epoch_us(min(began_at)), visitor,
        min({'at': began_at, 'source': source, 'platform': platform, 'country': country}), max(ended_at), sum(page_views), sum(orders)
    from stretches
    group by site, visitor, stretch
),
began as (
    select site, session_id, visitor, (began)."at" as started_at, ended_at, page_views, orders
    from merged
    where (began)."at" >= $from and (began)."at" < $to
      and ($traffic = 'mixed' or ($traffic = 'synthetic') = ((began).source is not distinct from 'synthetic'))
      and ($source is null or (began).source = $source)
      and ($platform is null or (began).platform = $platform)
      and ($country is null or (began).country = $country)
)
