buckets as (
    select unnest($starts::timestamptz[]) as time, unnest($ends::timestamptz[]) as until, generate_subscripts($starts::timestamptz[], 1) - 1 as place
)
