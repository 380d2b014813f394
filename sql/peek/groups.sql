-- title: The groups of copies that an image is in
-- param image_id: int
select
    duplicate_image.kind,
    duplicate_image.group_id,
    count(*) as images,
    string_agg(distinct duplicate_image.label, ', ' order by duplicate_image.label) as labels
from duplicate_image
inner join duplicate_image as own
    on own.kind = duplicate_image.kind
    and own.group_id = duplicate_image.group_id
    and own.image_id = $image_id
group by duplicate_image.kind, duplicate_image.group_id
order by duplicate_image.kind
