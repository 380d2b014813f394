-- title: Images in the order in which they were ingested
select
    image.image_id,
    image.label,
    image.pixel_hash,
    image.is_dropped
from ordered_image as image
where image.label is not null
order by image.ingest_order
