-- title: What cards say of all images: label, splits, path, font, and what was decided
-- param split_set: string
with placed as (
    select
        split_image.image_id,
        string_agg(distinct split_image.split, ', ' order by split_image.split) as split
    from split_image
    where split_image.split_set = $split_set
    group by split_image.image_id
)

select
    image.image_id,
    image.label,
    placed.split,
    image.source,
    image.path,
    image.font,
    image.pixel_hash,
    image.decision
from image
left join placed on placed.image_id = image.image_id
order by image.image_id
