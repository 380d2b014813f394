-- title: The search that has compared pictures across the splits of a split set, or all pictures
-- param run_id: string
select
    radius_join.run_id,
    radius_join.split_set,
    radius_join.radius,
    radius_join.images,
    radius_join.distinct_images,
    radius_join.pairs
from radius_join
where radius_join.run_id = $run_id
