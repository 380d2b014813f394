-- title: The image that stands for the picture of each of the images asked for (wanted_id), in their order
select coalesce(duplicate_image.group_id, wanted_id.image_id) as group_id
from wanted_id
left join duplicate_image
    on duplicate_image.image_id = wanted_id.image_id and duplicate_image.kind = 'exact'
order by wanted_id.place
