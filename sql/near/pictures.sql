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
        image.ingest_order,
        row_number() over (partition by image.pixel_hash order by image.ingest_order) as copy_number
    from ordered_image as image
) as counted
where counted.copy_number = 1
order by counted.ingest_order
