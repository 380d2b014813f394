-- title: Groups of images with equal pixels, largest first
-- grain: group of equal pixels
--
-- `image_id` is the group's representative, the first ingested: by order of runs, then position.
select
    arg_min(image.image_id, run.sequence * 4294967296 + image.image_id % 4294967296) as image_id,
    count(*) as images,
    count(distinct image.label) as labels,
    count(distinct image.split) as splits,
    min(image.label) as first_label,
    max(image.label) as last_label,
    image.pixel_hash
from image
inner join run on run.run_id = image.run_id
group by image.pixel_hash
having count(*) > 1
order by images desc, image_id
