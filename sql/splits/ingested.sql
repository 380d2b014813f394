-- title: Images in the order in which they were ingested
select
    image.image_id,
    image.label,
    image.pixel_hash,
    image.is_dropped
from image
inner join run on run.run_id = image.run_id
order by run.sequence, image.image_id % 4294967296, image.image_id
