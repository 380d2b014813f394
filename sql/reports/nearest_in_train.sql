-- title: For each evaluation image its nearest picture in train, as far as the search went
-- grain: evaluation image
-- param split_set: split_set = ingest
--
-- Null where train has none within the radius of the last near-duplicates run. Distance 0: the very
-- picture is in train.
select
    split_image.image_id,
    split_image.split,
    split_image.label,
    near.twin_id,
    twin.label as twin_label,
    near.distance
from split_image
left join (
    select
        leak.image_id,
        leak.split,
        leak.twin_id,
        leak.distance,
        row_number() over (
            partition by leak.image_id, leak.split
            order by leak.squared_distance
        ) as choice
    from leak
    where leak.split_set = $split_set and leak.kind in ('exact', 'near') and leak.twin_split = 'train'
) as near
    on near.image_id = split_image.image_id
    and near.split = split_image.split
    and near.choice = 1
left join image as twin on twin.image_id = near.twin_id
where split_image.split_set = $split_set and split_image.split in ('valid', 'test')
order by near.distance nulls last, split_image.split, split_image.image_id
