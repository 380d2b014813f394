-- title: Pictures of each split, with the image that stands for each in it: the first ingested
-- param split_set: string = ingest
--
-- In the order of ingest, so that of several at one distance the first counts.
select
    placed.image_id,
    placed.split,
    placed.label
from (
    select
        image.image_id,
        image.label,
        split_image.split,
        image.ingest_order,
        row_number() over (
            partition by split_image.split, image.pixel_hash
            order by image.ingest_order
        ) as copy_number
    from split_image
    inner join ordered_image as image on image.image_id = split_image.image_id
    where split_image.split_set = $split_set
        and split_image.split in ('train', 'valid', 'test')
) as placed
where placed.copy_number = 1
order by placed.ingest_order, placed.split
