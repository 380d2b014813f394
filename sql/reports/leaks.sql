-- title: Evaluation images with a copy in a split that must not know them, exact ones first
-- grain: evaluation image, other split, kind
-- param split_set: split_set = ingest
-- param radius: radius = 1.0
-- param transforms: transforms = none
--
-- Leaks are test in train, valid in train, and test in valid. `twin_id` is the copy, or the nearest
-- near copy within the radius; there are near ones only up to the radius of the last near-duplicates
-- run, and of those that moved (kind moved) only under transforms it searched.
select
    leak.kind,
    leak.image_id,
    leak.split,
    image.label,
    leak.twin_id,
    leak.twin_split,
    twin.label as twin_label,
    leak.distance
from leak
left join image on image.image_id = leak.image_id
left join image as twin on twin.image_id = leak.twin_id
where leak.split_set = $split_set
    and leak.squared_distance <= $radius
    and (leak.kind = 'exact' or leak.transforms = $transforms)
order by leak.squared_distance, leak.split, leak.image_id, leak.twin_split, leak.twin_id
