-- title: How many rows of each split have a near copy in each other split, by radius, pixels scaled to [0, 1]
-- grain: split, other split, radius
-- param split_set: split_set = ingest
-- param transforms: transforms = none
--
-- All directions: rows of `split` within `radius` of a picture in `other_split`, equal pictures
-- included, so that radius 0 is report overlap_matrix. Of a split and itself, rows that have a copy
-- or near copy in it; null where pictures were compared across the splits alone. The radii are a quarter, a half, three quarters and all of that of the last
-- near-duplicates run; without such a run there is only radius 0. Leaks are the rows test in train,
-- valid in train, test in valid.
with placed as (
    select
        split_picture.split,
        split_picture.group_id,
        count(*) as images
    from split_picture
    where split_picture.split_set = $split_set
    group by split_picture.split, split_picture.group_id
),

held as (
    select
        placed.group_id,
        count(case when placed.split = 'train' then 1 end) as in_train,
        count(case when placed.split = 'valid' then 1 end) as in_valid,
        count(case when placed.split = 'test' then 1 end) as in_test
    from placed
    group by placed.group_id
),

close as (
    select
        neighbour.image_id as group_id,
        min(case when held.in_train > 0 then neighbour.squared_distance end) as train,
        min(case when held.in_valid > 0 then neighbour.squared_distance end) as valid,
        min(case when held.in_test > 0 then neighbour.squared_distance end) as test
    from held
    inner join neighbour
        on neighbour.other_id = held.group_id
        and neighbour.transforms = $transforms
    group by neighbour.image_id
),

nearest as (
    select
        placed.split,
        other.split as other_split,
        placed.images,
        case
            when other.split = placed.split and placed.images > 1 then 0
            when other.split = 'train' and held.in_train > 0 and placed.split <> 'train' then 0
            when other.split = 'valid' and held.in_valid > 0 and placed.split <> 'valid' then 0
            when other.split = 'test' and held.in_test > 0 and placed.split <> 'test' then 0
            when other.split = 'train' then close.train
            when other.split = 'valid' then close.valid
            else close.test
        end as squared_distance
    from placed
    inner join held on held.group_id = placed.group_id
    left join close on close.group_id = placed.group_id
    cross join (select unnest(['train', 'valid', 'test']) as split) as other
),

step as (
    select
        0.0e0 as radius,
        0 as threshold
    union all
    select
        round(cast(radius_join.radius as double) * quarter.number / 4, 6) as radius,
        case quarter.number
            when 4 then radius_join.threshold
            else cast(
                floor(
                    pow(cast(radius_join.radius as double) * quarter.number, 2) * 65025 / 16 + 1e-6
                ) as bigint
            )
        end as threshold
    from radius_join
    cross join (select unnest([1, 2, 3, 4]) as number) as quarter
    where radius_join.is_current and radius_join.threshold > 0
),

sized as (
    select
        split_image.split,
        case split_image.split when 'train' then 0 when 'valid' then 1 else 2 end as place,
        count(*) as images
    from split_image
    where split_image.split_set = $split_set and split_image.split in ('train', 'valid', 'test')
    group by split_image.split
),

unknown as (
    select count(*) as images
    from split_image
    inner join image on image.image_id = split_image.image_id
    inner join coverage as across
        on across.image_run = image.run_id
        and across.evidence = 'pair'
        and across.split_set = $split_set
    left join coverage as whole
        on whole.image_run = image.run_id
        and whole.evidence = 'pair'
        and whole.split_set is null
    where split_image.split_set = $split_set
        and split_image.split in ('train', 'valid', 'test')
        and whole.image_run is null
),

counted as (
    select
        nearest.split,
        nearest.other_split,
        step.radius,
        cast(sum(nearest.images) as bigint) as images
    from nearest
    inner join step on nearest.squared_distance <= step.threshold
    group by nearest.split, nearest.other_split, step.radius
)

select
    sized.split,
    other.split as other_split,
    step.radius,
    case
        when other.split <> sized.split or step.threshold = 0 or unknown.images = 0
            then coalesce(counted.images, 0)
    end as images,
    sized.images as of_images,
    case
        when other.split <> sized.split or step.threshold = 0 or unknown.images = 0
            then coalesce(counted.images, 0) / sized.images
    end as share
from sized
cross join sized as other
cross join step
cross join unknown
left join counted
    on counted.split = sized.split
    and counted.other_split = other.split
    and counted.radius = step.radius
order by sized.place, other.place, step.radius
