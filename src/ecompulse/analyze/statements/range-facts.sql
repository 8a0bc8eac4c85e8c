-- What of a range decides how a question is put: whether any event in it, or in the day before, is without a session of its own.
select exists (
    select 1 from events where session_id is null and timestamp >= $from::timestamptz - interval 1 day and timestamp < $to
) as sessionless
