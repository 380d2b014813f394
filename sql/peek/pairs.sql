-- title: What captions say of the pairs that are shown, the nearest first
-- param split_set: string
--
-- Reads `shown_pair` (image_id, twin_id, distance, squared_distance, transform).
with placed as (
    select
        split_image.image_id,
        string_agg(distinct split_image.split, ', ' order by split_image.split) as split
    from split_image
    where split_image.split_set = $split_set and (
        split_image.image_id in (select image_id from shown_pair)
        or split_image.image_id in (select twin_id from shown_pair)
    )
    group by split_image.image_id
)

select
    shown_pair.image_id,
    image.label,
    placed.split,
    shown_pair.twin_id,
    twin.label as twin_label,
    twin_placed.split as twin_split,
    shown_pair.distance,
    shown_pair.squared_distance,
    shown_pair.transform
from shown_pair
inner join image on image.image_id = shown_pair.image_id
inner join image as twin on twin.image_id = shown_pair.twin_id
left join placed on placed.image_id = shown_pair.image_id
left join placed as twin_placed on twin_placed.image_id = shown_pair.twin_id
order by shown_pair.distance, shown_pair.image_id, shown_pair.twin_id
