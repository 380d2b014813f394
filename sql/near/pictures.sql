-- title: Distinct pictures in the order of ingest, each with the image that stands for it
--
-- Images with equal pixels are one picture; the one ingested first stands for it, so that later
-- images never change that.
select
    counted.image_id,
    counted.run_id
from (
    select
        image.image_id,
        image.run_id,
        run.sequence,
        row_number() over (
            partition by image.pixel_hash
            order by run.sequence, image.image_id % 4294967296
        ) as copy_number
    from image
    inner join run on run.run_id = image.run_id
) as counted
where counted.copy_number = 1
order by counted.sequence, counted.image_id % 4294967296, counted.image_id
