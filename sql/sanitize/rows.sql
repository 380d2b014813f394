-- title: Rows of a version of a split set, with their pictures, in the order of ingest
-- param split_set: string
-- param version: int
-- param seed: string
--
-- Version 0 is split set ingest. A picture is named as in view pair, by the image ingested first that
-- shows it. `draw` is the order of sql/splits/order.sql. Labels are those after decisions.
select
    placed.image_id,
    placed.split,
    placed.position,
    case when image.is_dropped then placed.label else image.label end as label,
    image.is_dropped,
    image.pixel_hash,
    coalesce(duplicate_image.group_id, image.image_id) as picture_id,
    row_number() over (
        order by md5($seed || ':' || placed.image_id), placed.image_id, placed.split
    ) as draw
from (
    select
        split_image.image_id,
        split_image.split,
        split_image.position,
        split_image.label
    from stored_split_image as split_image
    where split_image.split_set = $split_set and split_image.version = $version
    union all
    select
        image.image_id,
        image.split,
        cast(null as bigint) as position,
        image.label
    from image
    where $version = 0 and not image.is_dropped
) as placed
inner join ordered_image as image on image.image_id = placed.image_id
left join duplicate_image
    on duplicate_image.image_id = placed.image_id
    and duplicate_image.kind = 'exact'
order by image.ingest_order, placed.split
