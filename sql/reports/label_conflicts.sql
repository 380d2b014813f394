-- title: Equal pixels under several labels, with the copies under each
-- grain: group, label
--
-- `image_id` is the first ingested of the copies under that label.
select
    duplicate_image.group_id,
    duplicate_group.images as of_images,
    duplicate_image.label,
    count(*) as images,
    arg_min(duplicate_image.image_id, duplicate_image.copy_number) as image_id
from duplicate_image
inner join duplicate_group
    on duplicate_group.kind = duplicate_image.kind
    and duplicate_group.group_id = duplicate_image.group_id
inner join image on image.image_id = duplicate_image.image_id
where duplicate_image.kind = 'exact' and duplicate_group.labels > 1 and not image.is_dropped
group by duplicate_image.group_id, duplicate_group.images, duplicate_image.label
order by of_images desc, duplicate_image.group_id, images desc, duplicate_image.label
