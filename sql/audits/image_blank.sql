-- title: Images of one single value
-- grain: image
-- severity: should
-- tolerance: 0
-- total: select count(*) from image
-- next: peek --audit image_blank
-- why: A solid image has nothing to recognize; what label it has is an accident of its source.
-- do: Look where they come from; leave them out with `split NAME --where "ink_std > 0"`. (A solid I may be a letter: some fonts draw it as a bar that fills the frame.)
--
-- All pixels are equal: black, white, or any one grey.
select
    image.image_id,
    image.label,
    image.ink_mean
from image
where image.ink_std = 0
order by image.label_id, image.image_id
