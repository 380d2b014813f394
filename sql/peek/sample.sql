-- title: A seeded sample of images, of one label or of all
-- param label: string
-- param seed: string
-- param n: int
select image.image_id
from image
where ($label is null or image.label = $label) and not image.is_dropped
order by md5($seed || ':' || image.image_id), image.image_id
limit $n
