-- title: Equal pixel hashes over different pixels
-- grain: pixel hash
-- severity: must
-- tolerance: 0
-- total: select (select count(*) from image) - count(*) from duplicate_image where duplicate_image.kind = 'exact' and duplicate_image.copy_number > 1
-- next: verify --full
-- why: Everything here that says "equal pixels" compares hashes, and would be wrong.
-- do: Run `verify --full`, which hashes the pixels again. If it finds nothing, report the two images: of 128-bit hashes nobody has seen that yet.
--
-- One row a pixel hash whose images have different pixels, by MD5, which differs only where the bytes
-- do; `image_id` and `twin_id` are two that differ. Only images that share their hash are read.
select
    arg_min(image_pixels.image_id, md5(image_pixels.pixels)) as image_id,
    arg_max(image_pixels.image_id, md5(image_pixels.pixels)) as twin_id,
    count(*) as images,
    image_pixels.pixel_hash
from image_pixels
where image_pixels.pixel_hash in (select duplicate_image.pixel_hash from duplicate_image)
group by image_pixels.pixel_hash
having min(md5(image_pixels.pixels)) <> max(md5(image_pixels.pixels))
order by image_pixels.pixel_hash
