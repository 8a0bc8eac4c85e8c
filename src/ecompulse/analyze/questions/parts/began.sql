near_parts as not materialized (
    -- sessions are merged from their parts near the range only, so that the cost is the range's, not the store's: none lasts a day
    select *
    from session_parts
    where ended_at >= $from::timestamptz - interval 1 day and (began)."at" < $to::timestamptz + interval 1 day
      and ($site is null or site = $site)
-- if $near
      and (session_id is null or session_id in (
          select unnest(list(distinct session_id)) from session_parts where (began)."at" >= $from and (began)."at" < $to and ended_at >= $from))
-- end
),
-- if $near
known_parts as (
    select site, anonymous_id, arg_min(user_id, (since, user_id)) as user_id
    from identities
    where anonymous_id in (select unnest(list(distinct anonymous_id)) from near_parts where user_id is null and who is null)
    group by site, anonymous_id
),
-- else
known_parts as (
    select * from visitors
),
-- end
seen_parts as (
    select p.*, coalesce(p.user_id, (p.who).user_id, k.user_id, p.anonymous_id) as visitor
    from near_parts p
    left join known_parts k on k.site = p.site and k.anonymous_id = p.anonymous_id
),
pauses as (
    -- without a session id, a pause of 30 minutes begins a new session
    select *, case when (began)."at" - max(ended_at) over (
        partition by site, visitor order by (began)."at" rows between unbounded preceding and 1 preceding) <= interval 30 minutes then 0 else 1 end as pause
    from seen_parts
    where session_id is null
),
stretches as (
    select *, sum(pause) over (partition by site, visitor order by (began)."at" rows unbounded preceding) as stretch
    from pauses
),
merged as (
    select site, session_id, coalesce((arg_min(who, (who)."at")).user_id, min(visitor)) as visitor,
        arg_min(began, (began)."at") as began, max(ended_at) as ended_at, sum(page_views) as page_views, sum(orders) as orders
    from seen_parts
    where session_id is not null
    group by site, session_id
    union all
    select site, visitor || '@' || epoch_us(min((began)."at")), visitor, arg_min(began, (began)."at"), max(ended_at), sum(page_views), sum(orders)
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
