-- title: Surplus copies: images whose pixels were there before
-- grain: image
-- severity: info
-- tolerance: 0
-- total: select count(*) from image where not image.is_dropped
-- next: sql duplicate_groups
-- why: Copies count several times in training and in every score, and they leak where splits do not keep them together.
-- do: Take one of each with `split NAME --distinct`, or keep them together, as `split` does by default.
--
-- Every image but the first of each group of equal pixels; `twin_id` is that first one. A group of
-- n images has n - 1 rows. Pictures that were dropped are not listed.
select
    duplicate_image.image_id,
    duplicate_image.label,
    duplicate_image.group_id as twin_id,
    duplicate_image.copy_number
from duplicate_image
inner join image on image.image_id = duplicate_image.image_id
where duplicate_image.kind = 'exact' and duplicate_image.copy_number > 1 and not image.is_dropped
order by duplicate_image.group_id, duplicate_image.copy_number
