-- title: Images of one single value
-- grain: image
-- severity: should
-- tolerance: 0
-- total: select count(*) from image where not image.is_dropped
-- next: peek --audit image_blank
-- why: A solid image has nothing to recognize; what label it has is an accident of its source.
-- do: Look where they come from; drop or keep them with `decide`, or leave them out with `split NAME --where "ink_std > 0"`. (A solid I may be a letter: some fonts draw it as a bar that fills the frame.)
--
-- All pixels are equal: black, white, or any one grey. Images that a decision dropped, or said to
-- keep, are not listed.
select
    image.image_id,
    image.label,
    image.ink_mean
from image
where image.ink_std = 0 and not image.is_dropped and coalesce(image.decision, '') <> 'keep'
order by image.label_id, image.image_id
