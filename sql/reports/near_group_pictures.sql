-- title: The pictures of the largest groups of near copies, each group's nearest to it first
-- grain: group, picture
-- param most: int = 40
--
-- The `most` groups with the most images, as report near_groups orders them. `image_id` is a picture
-- of the group `group_id`, the first ingested of its `images` equal copies; `distance` is its own to
-- the group's representative, which is left out.
with listed as (
    select
        duplicate_group.group_id,
        duplicate_group.images,
        row_number() over (order by duplicate_group.images desc, duplicate_group.group_id) as place
    from duplicate_group
    where duplicate_group.kind = 'near'
),

member as (
    select
        near.group_id,
        coalesce(copied.group_id, near.image_id) as image_id,
        count(*) as images
    from duplicate_image as near
    left join duplicate_image as copied
        on copied.image_id = near.image_id
        and copied.kind = 'exact'
    where near.kind = 'near'
    group by near.group_id, coalesce(copied.group_id, near.image_id)
)

select
    listed.group_id,
    listed.images as of_images,
    member.image_id,
    member.images,
    image.label,
    pair.distance
from listed
inner join member on member.group_id = listed.group_id
inner join near_pair as pair
    on pair.transforms = 'none'
    and pair.a = listed.group_id
    and pair.b = member.image_id
left join image on image.image_id = member.image_id
where listed.place <= $most
order by listed.place, pair.squared_distance, member.image_id
