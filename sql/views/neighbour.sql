-- title: The pairs of view near_pair, each in both directions
-- column transforms: the set of transforms; none: pictures as they are; always say which · no unit · none
-- column image_id: image that stands for a picture, as in view pair · no unit · 3205438726766297100
-- column other_id: image that stands for a picture near it · no unit · 3205438726766297105
-- column squared_distance: least sum of the squared differences of their pixels under the set; compare this · 8-bit values squared · 65025
-- column distance: Euclidean distance, pixels scaled to [0, 1]; for reading · pixels scaled to [0, 1] · 1.0
select
    near_pair.transforms,
    near_pair.a as image_id,
    near_pair.b as other_id,
    near_pair.squared_distance,
    near_pair.distance
from near_pair
union all
select
    near_pair.transforms,
    near_pair.b as image_id,
    near_pair.a as other_id,
    near_pair.squared_distance,
    near_pair.distance
from near_pair
