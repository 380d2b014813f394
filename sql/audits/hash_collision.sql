-- title: Equal pixel hashes over different pixels
-- grain: pixel hash
-- severity: must
-- tolerance: 0
-- total: select (select count(*) from image) - count(*) from duplicate_image where duplicate_image.kind = 'exact' and duplicate_image.copy_number > 1
-- suspects: select count(*) from (select duplicate_image.group_id from duplicate_image where duplicate_image.kind = 'exact' group by duplicate_image.group_id having min(duplicate_image.file_hash) <> max(duplicate_image.file_hash))
-- next: verify --full
-- why: Everything here that says "equal pixels" compares hashes, and would be wrong.
-- do: Run `verify --full`, which hashes the pixels again. If it finds nothing, report the two images: of 128-bit hashes nobody has seen that yet.
--
-- One row a pixel hash whose images have different pixels; `image_id` and `twin_id` are two that differ.
-- The hash of the files is compared first, since equal files are equal images; where it differs, the
-- pixels decide, byte by byte.
select
    arg_min(image_pixels.image_id, image_pixels.pixels) as image_id,
    arg_max(image_pixels.image_id, image_pixels.pixels) as twin_id,
    count(*) as images,
    suspect.pixel_hash
from image_pixels
inner join (
    select
        duplicate_image.image_id,
        duplicate_image.pixel_hash
    from duplicate_image
    where duplicate_image.kind = 'exact' and duplicate_image.group_id in (
        select other.group_id
        from duplicate_image as other
        where other.kind = 'exact'
        group by other.group_id
        having min(other.file_hash) <> max(other.file_hash)
    )
) as suspect on suspect.image_id = image_pixels.image_id
group by suspect.pixel_hash
having min(image_pixels.pixels) <> max(image_pixels.pixels)
order by suspect.pixel_hash
