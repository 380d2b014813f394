-- title: Images that decisions name, with their pictures and labels
--
-- Reads `wanted_image` (image_id).
select image.image_id, image.pixel_hash, image.label
from image
inner join wanted_image on wanted_image.image_id = image.image_id
