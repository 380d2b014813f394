-- title: Pixel hash, source and path of the images of a split, in their order
--
-- Reads `wanted_image` (image_id, place).
select
    image.pixel_hash,
    image.source,
    image.path
from image
inner join wanted_image on wanted_image.image_id = image.image_id
order by wanted_image.place
