sessioned as (
    -- what matches, each event with its session
-- if $sessionless
    select * from matching where session_id is not null
    union all
    select m.* replace (d.session_id as session_id)
    from matching m
    join derived d on d.event_id = m.event_id
    where m.session_id is null
-- else
    select * from matching
-- end
)
