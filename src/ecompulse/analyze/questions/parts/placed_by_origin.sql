placed as not materialized (
    -- each at the place of where its session came from, which `places` numbers
    select p.*, o.place
-- if $by_origin
    from chosen_parted p
-- else
    from came_parted p
-- end
    left join places o on o.origin_key = p.origin_key
)
