-- title: One row an image that a decision dropped
-- column image_id: id, as in view image · no unit · 3205438726766297100
-- column pixel_hash: as in view image · hex · 1f9a56d3014798d86001c324468d4901
--
-- The images of view image that are dropped, for queries that leave them out of many rows.
select
    image.image_id,
    image.pixel_hash
from stored_image as image
inner join picture_decision as decided
    on decided.pixel_hash = image.pixel_hash
    and decided.action = 'drop'
