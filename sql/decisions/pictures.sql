-- title: Pictures that decisions name: their images, and of the one ingested first its id and label
--
-- Reads `wanted_picture` (pixel_hash).
select
    image.pixel_hash,
    count(*) as images,
    arg_min(image.image_id, image.ingest_order) as image_id,
    arg_min(image.label, image.ingest_order) as label
from ordered_image as image
inner join wanted_picture on wanted_picture.pixel_hash = image.pixel_hash
group by image.pixel_hash
