-- title: What a caption says of these images: label, split, and what was decided
-- param split_set: string
--
-- `$ids` are the images.
select
    image.image_id,
    image.label,
    split_image.split,
    image.pixel_hash,
    image.decision
from image
left join split_image
    on split_image.image_id = image.image_id
    and split_image.split_set = $split_set
where image.image_id in (select unnest($ids))
order by image.image_id, split_image.split
