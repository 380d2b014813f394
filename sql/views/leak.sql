-- title: Evaluation images with a copy or near copy in a split that must not know them, for each split set
-- column split_set: name of the split set · no unit · clean
-- column image_id: the evaluation image · no unit · 3205438726766297101
-- column split: its split: test or valid · no unit · test
-- column twin_id: the copy, or the nearest near copy: of several in twin_split, the one ingested first · no unit · 3205438726766297100
-- column twin_split: train, or valid for images of test · no unit · train
-- column squared_distance: sum of the squared differences of their pixels; compare this · 8-bit values squared · 0
-- column distance: Euclidean distance of the two, pixels scaled to [0, 1] · pixels scaled to [0, 1] · 0.0
-- column kind: exact: all pixels are equal; near: they differ, by no more than the radius of the last near-duplicates run; moved: so when one of them is moved by some transform or none · no unit · exact
-- column transforms: of kind moved the set of transforms, in words, as in view near_pair; else none · no unit · none
--
-- Leaks are counted once, in evaluation rows: test in train, valid in train, test in valid. An image
-- of test that stands in train and in valid has two rows, and two more if it has near copies there.
-- An image that itself was put into two splits is its own twin. Reports overlap_matrix and
-- near_overlap_matrix have all directions.
with placed as (
    select
        split_image.split_set,
        split_image.split,
        split_image.image_id,
        coalesce(duplicate_image.group_id, split_image.image_id) as group_id,
        coalesce(duplicate_image.copy_number, 1) as copy_number
    from split_image
    left join duplicate_image
        on duplicate_image.image_id = split_image.image_id
        and duplicate_image.kind = 'exact'
    where split_image.split in ('train', 'valid', 'test')
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
    earliest.image_id as twin_id,
    earliest.split as twin_split,
    cast(0 as bigint) as squared_distance,
    cast(0 as double) as distance,
    'exact' as kind,
    'none' as transforms
from placed
inner join earliest
    on earliest.split_set = placed.split_set
    and earliest.group_id = placed.group_id
where (placed.split = 'test' and earliest.split in ('train', 'valid'))
    or (placed.split = 'valid' and earliest.split = 'train')
union all
select
    placed.split_set,
    placed.image_id,
    placed.split,
    nearest.twin_id,
    nearest.twin_split,
    nearest.squared_distance,
    sqrt(nearest.squared_distance / 65025.0e0) as distance,
    case nearest.transforms when 'none' then 'near' else 'moved' end as kind,
    nearest.transforms
from placed
inner join nearest
    on nearest.split_set = placed.split_set
    and nearest.split = placed.split
    and nearest.group_id = placed.group_id
