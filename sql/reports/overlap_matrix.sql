-- title: How many rows of each split have pixels that stand in each other split
-- grain: split, other split
-- param split_set: split_set = ingest
--
-- All directions: `images` counts rows of `split` whose pixels stand in `other_split` as well,
-- `distinct_pixels` the pictures they show. Of a split and itself, images that have a copy in it.
-- Leaks are the rows test in train, valid in train, and test in valid.
with placed as (
    select
        split_picture.split,
        split_picture.group_id,
        count(*) as images
    from split_picture
    where split_picture.split_set = $split_set
    group by split_picture.split, split_picture.group_id
),

overlap as (
    select
        a.split,
        b.split as other_split,
        cast(sum(a.images) as bigint) as images,
        count(*) as distinct_pixels
    from placed as a
    inner join placed as b
        on b.group_id = a.group_id
        and (b.split <> a.split or b.images > 1)
    group by a.split, b.split
),

sized as (
    select
        split_image.split,
        case split_image.split when 'train' then 0 when 'valid' then 1 else 2 end as place,
        count(*) as images
    from split_image
    where split_image.split_set = $split_set and split_image.split in ('train', 'valid', 'test')
    group by split_image.split
)

select
    sized.split,
    other.split as other_split,
    coalesce(overlap.images, 0) as images,
    coalesce(overlap.distinct_pixels, 0) as distinct_pixels,
    sized.images as of_images,
    coalesce(overlap.images, 0) / sized.images as share
from sized
cross join sized as other
left join overlap on overlap.split = sized.split and overlap.other_split = other.split
order by sized.place, other.place
