-- title: Evaluation images with a near copy in a split that must not know it
-- grain: evaluation image
-- severity: must
-- tolerance: 0
-- needs: pair
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
-- pair is missed: see `certify`.
select
    near.image_id,
    near.split,
    split_image.label,
    near.twin_id,
    near.twin_split,
    twin.label as twin_label,
    near.distance
from (
    select
        leak.image_id,
        leak.split,
        leak.twin_id,
        leak.twin_split,
        leak.squared_distance,
        leak.distance,
        row_number() over (
            partition by leak.image_id, leak.split
            order by leak.squared_distance, leak.twin_split
        ) as choice
    from leak
    where leak.split_set = $split_set
        and leak.kind in ('near', 'moved')
        and leak.transforms = $transforms
        and leak.squared_distance <= $radius
) as near
inner join split_image
    on split_image.split_set = $split_set
    and split_image.image_id = near.image_id
    and split_image.split = near.split
inner join image as twin on twin.image_id = near.twin_id
where near.choice = 1
order by near.split, near.squared_distance, near.image_id
