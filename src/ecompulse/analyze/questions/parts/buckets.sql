buckets as (
    select unnest($starts::timestamptz[]) as time, unnest($ends::timestamptz[]) as until
)
