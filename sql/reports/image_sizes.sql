-- title: How images came: their own heights and widths, and how many were resized or turned
-- grain: source, label
--
-- Own sizes are those of the upright files. `resized` counts what `ingest --fit` has changed, `turned` what
-- stood by its EXIF orientation in another way.
select
    image.source,
    image.label,
    count(*) as images,
    count(image.fit) as resized,
    count(case when image.orientation > 1 then 1 end) as turned,
    min(image.height) as least_height,
    median(image.height) as median_height,
    max(image.height) as most_height,
    min(image.width) as least_width,
    median(image.width) as median_width,
    max(image.width) as most_width
from image
group by image.source, image.label, image.label_id
order by image.source, image.label_id nulls last, image.label
