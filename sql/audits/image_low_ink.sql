-- title: Images with next to no ink
-- grain: image
-- severity: should
-- tolerance: 0
-- param least: float = 0.02
-- total: select count(*) from image where not image.is_dropped
-- next: peek --audit image_low_ink
-- why: A dot or a hairline is rarely the letter that its folder claims.
-- do: Look at them; drop or keep them with `decide`, or leave them out with `split NAME --where "ink_mean >= 0.02"`.
--
-- The pixels' mean, on a scale from 0 (black) to 1 (white), is below 0.02: of 28x28 pixels fewer than
-- 16 are full. Images of one single value are left to image_blank. Images that a decision dropped,
-- or said to keep, are not listed.
select
    image.image_id,
    image.label,
    image.ink_mean
from image
where image.ink_mean < $least
    and image.ink_std > 0
    and not image.is_dropped
    and coalesce(image.decision, '') <> 'keep'
order by image.ink_mean, image.image_id
