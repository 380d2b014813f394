-- title: What a caption says of the images that were chosen, in their order
--
-- Reads `chosen_image` (image_id, place).
select
    image.image_id,
    image.label,
    image.split,
    image.path
from image
inner join chosen_image on chosen_image.image_id = image.image_id
order by chosen_image.place
