-- title: Every image, with the image that stands for its picture: the first ingested
select
    image.path,
    image.label,
    image.image_id,
    first_value(image.image_id) over (
        partition by image.pixel_hash
        order by run.sequence, image.image_id % 4294967296
    ) as picture_id
from image
inner join run on run.run_id = image.run_id
order by image.image_id
