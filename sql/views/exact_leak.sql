-- title: Evaluation images whose pixels stand in a split that must not know them, for each split set
-- column split_set: name of the split set · no unit · clean
-- column image_id: the evaluation image · no unit · 3205438726766297101
-- column split: its split: test or valid · no unit · test
-- column twin_id: the copy: of several in twin_split, the one ingested first · no unit · 3205438726766297100
-- column twin_split: train, or valid for images of test · no unit · train
--
-- The part of view leak that needs no pairs.
with placed as (
    select
        split_picture.split_set,
        split_picture.split,
        split_picture.image_id,
        split_picture.group_id,
        split_picture.copy_number
    from split_picture
),

earliest as (
    select
        placed.split_set,
        placed.split,
        placed.group_id,
        arg_min(placed.image_id, placed.copy_number) as image_id
    from placed
    group by placed.split_set, placed.split, placed.group_id
)

select
    placed.split_set,
    placed.image_id,
    placed.split,
    earliest.image_id as twin_id,
    earliest.split as twin_split
from placed
inner join earliest
    on earliest.split_set = placed.split_set
    and earliest.group_id = placed.group_id
where (placed.split = 'test' and earliest.split in ('train', 'valid'))
    or (placed.split = 'valid' and earliest.split = 'train')
