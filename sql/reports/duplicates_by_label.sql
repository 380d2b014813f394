-- title: Surplus copies by label
-- grain: label
--
-- `copies` are the images that would go if each picture were kept once in its class. `share` is theirs
-- of the class's images.
select
    image.label,
    count(*) as images,
    count(distinct image.pixel_hash) as distinct_pixels,
    count(*) - count(distinct image.pixel_hash) as copies,
    1 - count(distinct image.pixel_hash) / count(*) as share
from image
where not image.is_dropped
group by image.label, image.label_id
order by image.label_id
