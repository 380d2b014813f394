-- title: Where the current split sets put an image, or why they left it out
-- param image_id: int
select
    split_set.split_set,
    split_set.version,
    split_image.split,
    split_image.position,
    split_drop.rule,
    split_drop.twin_id,
    split_drop.squared_distance
from split_set
left join split_image
    on split_image.split_set = split_set.split_set
    and split_image.image_id = $image_id
left join split_drop
    on split_drop.split_set = split_set.split_set
    and split_drop.image_id = $image_id
where split_set.is_current
order by split_set.split_set, split_image.split, split_image.position, split_drop.rule
