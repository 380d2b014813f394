-- title: One row an image that has a copy or near copy, with the group it belongs to
-- column kind: exact: all pixels are equal; near: within the group radius of the last near-duplicates run; moved: so under the transforms of that run · no unit · exact
-- column group_id: the group's representative: of kind exact the image ingested first (by order of runs, then by position) · no unit · 3205438726766297100
-- column image_id: id, as in view image · no unit · 3205438726766297101
-- column copy_number: place in the order of ingest, 1 for the representative; what is above 1 is surplus · no unit · 2
-- column label: as in view image · no unit · I
-- column file_hash: xxh3-128 of the member's bytes · hex · 99aa06d3014798d86001c324468d497f
-- column pixel_hash: as in view image; the same for all of a group of kind exact · hex · 1f9a56d3014798d86001c324468d4901
-- column transforms: of kind moved the transforms, in words; else none · no unit · none
--
-- Always say which kind. Near groups are stars: every picture in one is within the radius of its
-- representative, the first ingested picture that no earlier representative has taken; copies go
-- with their picture. A picture that view not_duplicate parts from its representative is in no group.
with copied as (
    select
        first_value(image.image_id) over (
            partition by image.pixel_hash
            order by image.ingest_order
        ) as group_id,
        image.image_id,
        row_number() over (
            partition by image.pixel_hash
            order by image.ingest_order
        ) as copy_number,
        image.label,
        image.file_hash,
        image.pixel_hash
    from ordered_image as image
    inner join (
        select stored_image.pixel_hash
        from stored_image
        group by stored_image.pixel_hash
        having count(*) > 1
    ) as shared on shared.pixel_hash = image.pixel_hash
),

parted as materialized (
    select
        parted_picture.image_id,
        parted_picture.other_id
    from parted_picture
),

star as (
    select
        star.transforms,
        star.image_id,
        star.group_id
    from stored_star as star
    where (star.run_id in (select pair_run.run_id from pair_run)) is true
        and (star.image_id in (select image_id from parted where other_id is null)) is not true
        and (star.group_id in (select image_id from parted where other_id is null)) is not true
        and ((star.image_id, star.group_id) in (select image_id, other_id from parted)) is not true
),

member as (
    select
        star.transforms,
        star.image_id,
        star.group_id
    from star
    union all
    select distinct
        star.transforms,
        star.group_id as image_id,
        star.group_id
    from star
)

select
    'exact' as kind,
    copied.group_id,
    copied.image_id,
    copied.copy_number,
    copied.label,
    copied.file_hash,
    copied.pixel_hash,
    'none' as transforms
from copied
union all
select
    case member.transforms when 'none' then 'near' else 'moved' end as kind,
    member.group_id,
    image.image_id,
    row_number() over (
        partition by member.transforms, member.group_id
        order by image.ingest_order
    ) as copy_number,
    image.label,
    image.file_hash,
    image.pixel_hash,
    member.transforms
from ordered_image as image
left join copied on copied.image_id = image.image_id
inner join member on member.image_id = coalesce(copied.group_id, image.image_id)
