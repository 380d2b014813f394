-- title: For each wanted image the nearest images in each split, copies included
-- param split_set: string
-- param most: int
--
-- Reads `wanted_image` (image_id). As far as the current near-duplicates run went: `most` images of
-- each split at the most, one for each picture, by distance, then in the order of ingest.
with wanted as (
    select
        wanted_image.image_id,
        coalesce(duplicate_image.group_id, wanted_image.image_id) as group_id
    from wanted_image
    left join duplicate_image
        on duplicate_image.image_id = wanted_image.image_id
        and duplicate_image.kind = 'exact'
),

near as (
    select
        wanted.image_id,
        wanted.group_id,
        cast(0 as bigint) as squared_distance
    from wanted
    union all
    select
        wanted.image_id,
        neighbour.other_id as group_id,
        neighbour.squared_distance
    from wanted
    inner join neighbour
        on neighbour.image_id = wanted.group_id
        and neighbour.transforms = 'none'
),

member as (
    select
        near.group_id,
        near.group_id as image_id
    from near
    union
    select
        duplicate_image.group_id,
        duplicate_image.image_id
    from near
    inner join duplicate_image
        on duplicate_image.group_id = near.group_id
        and duplicate_image.kind = 'exact'
),

placed as (
    select
        member.group_id,
        member.image_id,
        image.label,
        split_image.split,
        image.ingest_order
    from member
    inner join split_image
        on split_image.image_id = member.image_id
        and split_image.split_set = $split_set
    inner join ordered_image as image on image.image_id = member.image_id
),

chosen as (
    select
        near.image_id,
        placed.split,
        placed.image_id as twin_id,
        placed.label as twin_label,
        near.squared_distance,
        placed.ingest_order,
        row_number() over (
            partition by near.image_id, placed.split, placed.group_id
            order by placed.ingest_order
        ) as copy_number
    from near
    inner join placed
        on placed.group_id = near.group_id
        and placed.image_id <> near.image_id
),

ranked as (
    select
        chosen.image_id,
        chosen.split,
        chosen.twin_id,
        chosen.twin_label,
        chosen.squared_distance,
        row_number() over (
            partition by chosen.image_id, chosen.split
            order by chosen.squared_distance, chosen.ingest_order
        ) as place
    from chosen
    where chosen.copy_number = 1
)

select
    ranked.image_id,
    ranked.split,
    ranked.place,
    ranked.twin_id,
    ranked.twin_label,
    ranked.squared_distance
from ranked
where ranked.place <= $most
order by ranked.image_id, ranked.split, ranked.place
