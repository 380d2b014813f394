-- title: Evaluation images with the copy or nearest near copy in each split that must not know them, as the makers of a set find them
-- param split_set: split_set = ingest
-- param radius: radius = 1.0
-- param transforms: transforms = none
--
-- `row_index` is the image's place in its source: of arrays its row.
select
    leak.kind,
    leak.split,
    leak.twin_split,
    image.source,
    image.image_id % 4294967296 as row_index,
    image.path,
    label_of.label,
    twin.source as twin_source,
    twin.image_id % 4294967296 as twin_row_index,
    twin.path as twin_path,
    label_of_twin.label as twin_label,
    leak.distance,
    leak.image_id,
    leak.twin_id
from leak
inner join image on image.image_id = leak.image_id
inner join image as twin on twin.image_id = leak.twin_id
inner join split_image as label_of
    on label_of.split_set = leak.split_set
    and label_of.image_id = leak.image_id
    and label_of.split = leak.split
inner join split_image as label_of_twin
    on label_of_twin.split_set = leak.split_set
    and label_of_twin.image_id = leak.twin_id
    and label_of_twin.split = leak.twin_split
where leak.split_set = $split_set
    and leak.squared_distance <= $radius
    and (leak.kind = 'exact' or leak.transforms = $transforms)
order by leak.squared_distance, leak.split, leak.image_id, leak.twin_split, leak.twin_id
