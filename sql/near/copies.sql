-- title: Every image, with the image that stands for its picture: the first ingested
select
    image.path,
    image.label,
    image.image_id,
    first_value(image.image_id) over (
        partition by image.pixel_hash
        order by image.ingest_order
    ) as picture_id
from ordered_image as image
order by image.image_id
