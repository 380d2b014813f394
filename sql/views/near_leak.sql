-- title: Evaluation images with a near copy in a split that must not know them, for each split set and set of transforms
-- column split_set: name of the split set · no unit · clean
-- column image_id: the evaluation image · no unit · 3205438726766297101
-- column split: its split: test or valid · no unit · test
-- column twin_id: the copy, or the nearest near copy: of several in twin_split, the one ingested first · no unit · 3205438726766297100
-- column twin_split: train, or valid for images of test · no unit · train
-- column squared_distance: sum of the squared differences of their pixels; compare this · 8-bit values squared · 0
-- column distance: Euclidean distance of the two, pixels scaled to [0, 1] · pixels scaled to [0, 1] · 0.0
-- column transforms: the set, in words, as in view near_pair; none: pictures as they are; always say which · no unit · none
--
-- The part of view leak that needs pairs.
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
),

evaluated as (
    select distinct
        placed.split_set,
        placed.split,
        placed.group_id
    from placed
    where placed.split in ('valid', 'test')
),

close as (
    select
        evaluated.split_set,
        evaluated.split,
        evaluated.group_id,
        near_pair.b as other_id,
        near_pair.transforms,
        near_pair.squared_distance
    from evaluated
    inner join near_pair on near_pair.a = evaluated.group_id
    union all
    select
        evaluated.split_set,
        evaluated.split,
        evaluated.group_id,
        near_pair.a as other_id,
        near_pair.transforms,
        near_pair.squared_distance
    from evaluated
    inner join near_pair on near_pair.b = evaluated.group_id
),

nearest as (
    select
        close.split_set,
        close.split,
        close.group_id,
        close.transforms,
        twin.split as twin_split,
        min(close.squared_distance) as squared_distance,
        arg_min(twin.image_id, (close.squared_distance, shown.ingest_order)) as twin_id
    from close
    inner join earliest as twin
        on twin.split_set = close.split_set
        and twin.group_id = close.other_id
    inner join ordered_image as shown on shown.image_id = twin.group_id
    where (close.split = 'test' and twin.split in ('train', 'valid'))
        or (close.split = 'valid' and twin.split = 'train')
    group by close.split_set, close.split, close.group_id, close.transforms, twin.split
)

select
    placed.split_set,
    placed.image_id,
    placed.split,
    nearest.twin_id,
    nearest.twin_split,
    nearest.squared_distance,
    sqrt(nearest.squared_distance / 65025.0e0) as distance,
    nearest.transforms
from placed
inner join nearest
    on nearest.split_set = placed.split_set
    and nearest.split = placed.split
    and nearest.group_id = placed.group_id
