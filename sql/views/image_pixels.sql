-- title: One row an image, with its pixels
-- column image_id: id, as in view image · no unit · 3205438726766297100
-- column label: its label, as in view image: what decisions made of it · no unit · A
-- column label_ingested: name of the class folder · no unit · A
-- column split: train, valid, test or unused: as in view image · no unit · test
-- column is_dropped: whether it is left out, as in view image · no unit · false
-- column pixel_hash: xxh3-128 over height, width, channels and the stored pixels · hex · 1f9a56d3014798d86001c324468d4901
-- column pixels: height x width x channels bytes, row by row, 0 black to 255 white · uint8 · 784 bytes
--
-- Pixels are most of a store's bytes, so they are read only by those who ask for them here.
select
    image.image_id,
    coalesce(decided.new_label, image.label) as label,
    image.label as label_ingested,
    case when decided.action = 'drop' then 'unused' else image.split end as split,
    coalesce(decided.action = 'drop', false)
        or coalesce(decided.new_label, image.label) is null as is_dropped,
    image.pixel_hash,
    image.pixels
from stored_image as image
left join picture_decision as decided on decided.pixel_hash = image.pixel_hash
