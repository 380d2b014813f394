-- title: Images a split may place, with the group that must stay together
--
-- `$group_key` and `$condition` stand for a column of view image and for the user's --where.
select
    image.image_id,
    image.label,
    image.pixel_hash,
    image.is_dropped,
    coalesce(cast($group_key as varchar), image.pixel_hash) as group_key,
    row_number() over (
        partition by image.pixel_hash
        order by placed.ingest_order
    ) = 1 as is_representative
from image
inner join ordered_image as placed on placed.image_id = image.image_id
where image.label is not null and image.image_id in (select image_id from image where $condition)
order by placed.ingest_order
