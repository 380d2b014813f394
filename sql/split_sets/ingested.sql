-- title: Images of one split of split set ingest
-- param split: string
select image.image_id, image.label_id
from image
where image.split = $split and not image.is_dropped
order by image.image_id
