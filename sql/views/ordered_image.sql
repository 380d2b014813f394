-- title: One row an image, with its place in the order of ingest
-- column image_id: id, as in view image · no unit · 3205438726766297100
-- column path: as in view image · no unit · notMNIST_small/A/Q0NXaWxkV29yZHMtQm9sZEl0YWxpYy50dGY=.png
-- column label: as in view image · no unit · A
-- column is_dropped: whether it is left out, as in view image · no unit · false
-- column file_hash: as in view image · hex · 99aa06d3014798d86001c324468d497f
-- column pixel_hash: as in view image · hex · 1f9a56d3014798d86001c324468d4901
-- column run_id: run that stored it · no unit · 20110908T120000Z-0123456789
-- column ingest_order: grows by the order of runs, then by position in the source · no unit · 4294967297
select
    image.image_id,
    image.path,
    image.label,
    image.is_dropped,
    image.file_hash,
    image.pixel_hash,
    image.run_id,
    run.sequence * 4294967296 + image.image_id % 4294967296 as ingest_order
from image
inner join stored_run as run on run.run_id = image.run_id
