-- title: The pairs of view near_pair whose pictures no decision dropped
-- column transforms: the set of transforms; none: pictures as they are; always say which · no unit · none
-- column a: image that stands for the first picture, as in view pair · no unit · 3205438726766297100
-- column b: image that stands for the second · no unit · 3205438726766297105
-- column squared_distance: least sum of the squared differences of their pixels under the set; compare this · 8-bit values squared · 65025
-- column distance: Euclidean distance, pixels scaled to [0, 1]; for reading · pixels scaled to [0, 1] · 1.0
select
    near_pair.transforms,
    near_pair.a,
    near_pair.b,
    near_pair.squared_distance,
    near_pair.distance
from near_pair
left join dropped_image as dropped_a on dropped_a.image_id = near_pair.a
left join dropped_image as dropped_b on dropped_b.image_id = near_pair.b
where dropped_a.image_id is null and dropped_b.image_id is null
