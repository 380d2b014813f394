-- title: One row an image in train, valid or test of the current version of each split set, with its picture
-- column split_set: name of the split set · no unit · clean
-- column split: train, valid or test · no unit · test
-- column image_id: id, as in view image · no unit · 3205438726766297101
-- column label: as in view split_image · no unit · A
-- column group_id: image that stands for its picture, as in view pair: of equal images the one ingested first · no unit · 3205438726766297100
-- column copy_number: its place among the images of that picture, as in view duplicate_image; 1 for the first · no unit · 2
select
    split_image.split_set,
    split_image.split,
    split_image.image_id,
    split_image.label,
    coalesce(duplicate_image.group_id, split_image.image_id) as group_id,
    coalesce(duplicate_image.copy_number, 1) as copy_number
from split_image
left join duplicate_image
    on duplicate_image.image_id = split_image.image_id
    and duplicate_image.kind = 'exact'
where split_image.split in ('train', 'valid', 'test')
