-- title: A search for near duplicates, with the groups that it made
-- param run_id: string
select
    radius_join.run_id,
    radius_join.radius,
    radius_join.images,
    radius_join.distinct_images,
    radius_join.pairs,
    radius_join.group_radius,
    (select count(*) from duplicate_group where kind = 'near') as groups,
    (select max(images) from duplicate_group where kind = 'near') as largest_group
from radius_join
where radius_join.run_id = $run_id
