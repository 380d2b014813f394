-- title: Groups of images with equal pixels, largest first
-- grain: group of equal pixels
--
-- `image_id` is the group's representative, the first ingested: by order of runs, then position.
select
    duplicate_image.group_id as image_id,
    count(*) as images,
    count(distinct duplicate_image.label) as labels,
    count(distinct image.split) as splits,
    min(duplicate_image.label) as first_label,
    max(duplicate_image.label) as last_label,
    duplicate_image.pixel_hash
from duplicate_image
inner join image on image.image_id = duplicate_image.image_id
where duplicate_image.kind = 'exact' and not image.is_dropped
group by duplicate_image.group_id, duplicate_image.pixel_hash
order by images desc, image_id
