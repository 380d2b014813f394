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
        run.sequence,
        row_number() over (
            partition by split_image.split, image.pixel_hash
            order by run.sequence, image.image_id % 4294967296
        ) as copy_number
    from split_image
    inner join image on image.image_id = split_image.image_id
    inner join run on run.run_id = image.run_id
    where split_image.split_set = $split_set
        and split_image.split in ('train', 'valid', 'test')
) as placed
where placed.copy_number = 1
order by placed.sequence, placed.image_id % 4294967296, placed.image_id, placed.split
