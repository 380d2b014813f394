-- title: One row an image in the current version of each split set, `ingest` included
-- column split_set: name of the split set · no unit · clean
-- column version: its version; 0 for ingest · no unit · 1
-- column image_id: id, as in view image · no unit · 3205438726766297100
-- column split: train, valid, test or unused · no unit · train
-- column position: place in the order of its split, from 0; null where unused, and for ingest, which claims no order · no unit · 0
-- column label: label when the split set was made; for ingest the label now · no unit · A
-- column label_id: place of the label in the split set's own labels · no unit · 0
select
    split_image.split_set,
    split_image.version,
    split_image.image_id,
    split_image.split,
    split_image.position,
    split_image.label,
    split_image.label_id
from stored_split_image as split_image
inner join split_set
    on split_set.split_set = split_image.split_set
    and split_set.version = split_image.version
    and split_set.is_current
union all
select
    'ingest' as split_set,
    cast(0 as bigint) as version,
    image.image_id,
    image.split,
    cast(null as bigint) as position,
    image.label,
    image.label_id
from image
where not image.is_dropped
