-- title: The images of one split of one split set, in a schema of the split set's name
--
-- `select … from clean.train` reads this. Where order matters, order by position.
select
    split_rows.position,
    split_rows.image_id,
    split_rows.label,
    split_rows.label_id,
    image.source,
    image.path,
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
    image.run_id
from split_rows
inner join image on image.image_id = split_rows.image_id
where split_rows.split_set = $split_set
    and split_rows.version = $version
    and split_rows.split = $split
