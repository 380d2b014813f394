-- title: One row an image, without its pixels
-- column image_id: id, the same in every store that took the same source; its low 32 bits are the member's position · no unit · 3205438726766297100
-- column source: name of the archive or folder it came from · no unit · notMNIST_small
-- column path: the member's name in the source · no unit · notMNIST_small/A/Q0NXaWxkV29yZHMtQm9sZEl0YWxpYy50dGY=.png
-- column label: its label: name of the class folder, or what a decision made of it; null where its split folder has none · no unit · A
-- column label_ingested: name of the class folder · no unit · A
-- column label_id: number of the label, as in view label; null where it is not listed there, since all its images are dropped · no unit · 0
-- column split: train, valid, test or unused: where its ingest put it; unused where dropped · no unit · test
-- column decision: drop, relabel or keep where one of view decision counts for it · no unit · keep
-- column is_dropped: whether it is left out: a decision dropped it, or it has no label; then it is in no new split set, and not in ingest · no unit · false
-- column file_hash: xxh3-128 of the member's bytes · hex · 99aa06d3014798d86001c324468d497f
-- column pixel_hash: xxh3-128 over height, width, channels and the stored pixels · hex · 1f9a56d3014798d86001c324468d4901
-- column dhash: 64-bit difference hash of the image · bits · -8138269444283625472
-- column mode: the image's mode before it was stored, in Pillow's words · no unit · L
-- column height: the file's own height, upright, before the image was fitted · pixels · 28
-- column width: the file's own width, upright, before the image was fitted · pixels · 28
-- column orientation: EXIF orientation by which it was turned upright, 2 to 8; 1 where it was not turned · no unit · 6
-- column fit: resize, pad or crop: how it was brought to the store's shape; null where it had it · no unit · pad
-- column file_bytes: size of the member · bytes · 462
-- column ink_mean: mean of the pixels scaled to [0, 1] · share · 0.36
-- column ink_std: population standard deviation of the pixels scaled to [0, 1] · share · 0.44
-- column font: font file the name stands for, where it does · no unit · CCWildWords-BoldItalic.ttf
-- column family: the font's family, or what --group-regex found · no unit · ccwildwords
-- column origin_image_id: its id in the store that exported the source, where it says so · no unit · 3205438726766297100
-- column run_id: run that stored it · no unit · 20110908T120000Z-0123456789
--
-- The table to count, group and join. Use image_pixels where the pixels are needed.
select
    image.image_id,
    image.source,
    image.path,
    coalesce(decided.new_label, image.label) as label,
    image.label as label_ingested,
    label.label_id,
    case when decided.action = 'drop' then 'unused' else image.split end as split,
    decided.action as decision,
    coalesce(decided.action = 'drop', false)
        or coalesce(decided.new_label, image.label) is null as is_dropped,
    image.file_hash,
    image.pixel_hash,
    image.dhash,
    image.mode,
    image.height,
    image.width,
    image.orientation,
    image.fit,
    image.file_bytes,
    image.ink_mean,
    image.ink_std,
    image.font,
    image.family,
    image.origin_image_id,
    image.run_id
from stored_image as image
left join picture_decision as decided on decided.pixel_hash = image.pixel_hash
left join label on label.label = coalesce(decided.new_label, image.label)
