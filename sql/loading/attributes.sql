-- title: What sources say of the images of a split beyond their labels, in their order
--
-- Reads `wanted_image` (image_id, place).
select
    wanted_image.place as position,
    attribute.image_id,
    attribute.name,
    attribute.value
from attribute
inner join wanted_image on wanted_image.image_id = attribute.image_id
order by wanted_image.place, attribute.name
