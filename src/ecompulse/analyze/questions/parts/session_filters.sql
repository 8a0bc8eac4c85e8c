-- if $by_sessions
-- if $sessionless
    left join derived d on c.session_id is null and d.event_id = c.event_id
    where (not $by_origin or (c.site, coalesce(c.session_id, d.session_id)) in (select site, session_id from chosen_sessions))
      and ($page is null or (c.site, coalesce(c.session_id, d.session_id)) in (select site, session_id from paged_sessions))
-- else
    where (not $by_origin or (c.site, c.session_id) in (select site, session_id from chosen_sessions))
      and ($page is null or (c.site, c.session_id) in (select site, session_id from paged_sessions))
-- end
-- end
