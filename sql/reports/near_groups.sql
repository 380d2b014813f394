-- title: Groups of near copies, largest first
-- grain: group
--
-- Stars at the group radius of the last near-duplicates run: every picture is within it of the one
-- that `image_id` shows, the first ingested. `images` counts equal copies, `pictures` does not.
select
    duplicate_image.group_id as image_id,
    count(*) as images,
    count(distinct duplicate_image.pixel_hash) as pictures,
    count(distinct duplicate_image.label) as labels,
    count(distinct image.split) as splits,
    min(duplicate_image.label) as first_label,
    max(duplicate_image.label) as last_label
from duplicate_image
inner join image on image.image_id = duplicate_image.image_id
where duplicate_image.kind = 'near' and not image.is_dropped
group by duplicate_image.group_id
order by images desc, image_id
