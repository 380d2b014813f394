-- title: Evaluation images with a near copy in a split that must not know it
-- grain: evaluation image
-- severity: must
-- tolerance: 0
-- needs: crossing
-- param split_set: split_set = ingest
-- param radius: radius = 1.0
-- param transforms: transforms = none
-- total: select count(*) from split_image where split_image.split_set = $split_set and split_image.split in ('valid', 'test')
-- next: sanitize my_clean_set --from $split_set --keep $keep
-- why: A picture that differs from one in train by a few grey values is no test of anything, and no hash finds it.
-- do: Make a clean set with `sanitize`, or split anew with `--group-by near`. See `peek --pairs --audit split_leak_near` for whether the radius means what you mean by a copy.
--
-- Images of test within the radius of a different picture in train or valid, and images of valid
-- within the radius of one in train; one row each, with the nearest twin: the one in train where two
-- are equally near. Equal pictures are split_leak_exact's. The comparison is on whole numbers, and no
-- pair is missed: see `certify`. (Rows of view `leak` that are near, from the pairs within the radius
-- alone: the view looks among all pairs.)
with placed as (
    select
        split_picture.split,
        split_picture.image_id,
        split_picture.label,
        split_picture.group_id,
        split_picture.copy_number
    from split_picture
    where split_picture.split_set = $split_set
),

near as materialized (
    select
        near_pair.a,
        near_pair.b,
        near_pair.squared_distance
    from near_pair
    where near_pair.transforms = $transforms and near_pair.squared_distance <= $radius
),

close as (
    select
        near.a as group_id,
        near.b as other_id,
        near.squared_distance
    from near
    union all
    select
        near.b as group_id,
        near.a as other_id,
        near.squared_distance
    from near
),

twinned as (
    select
        placed.image_id,
        placed.split,
        placed.label,
        twin.image_id as twin_id,
        twin.split as twin_split,
        close.squared_distance,
        row_number() over (
            partition by placed.image_id, placed.split
            order by close.squared_distance, twin.split, shown.ingest_order, twin.copy_number
        ) as choice
    from close
    inner join placed on placed.group_id = close.group_id
    inner join placed as twin on twin.group_id = close.other_id
    inner join ordered_image as shown on shown.image_id = twin.group_id
    where (placed.split = 'test' and twin.split in ('train', 'valid'))
        or (placed.split = 'valid' and twin.split = 'train')
)

select
    twinned.image_id,
    twinned.split,
    twinned.label,
    twinned.twin_id,
    twinned.twin_split,
    twin.label as twin_label,
    sqrt(twinned.squared_distance / 65025.0e0) as distance
from twinned
inner join image as twin on twin.image_id = twinned.twin_id
where twinned.choice = 1
order by twinned.split, twinned.squared_distance, twinned.image_id
