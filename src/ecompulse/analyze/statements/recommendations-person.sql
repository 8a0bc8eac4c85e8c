-- Whose a device is, by site.
select site, arg_min(user_id, (since, user_id)) as user_id
from identities
where anonymous_key = md5_number($user) and anonymous_id = $user
group by site
