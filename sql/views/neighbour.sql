-- title: The pairs of view pair, each in both directions
-- column image_id: image that stands for a picture, as in view pair · no unit · 3205438726766297100
-- column other_id: image that stands for a picture near it · no unit · 3205438726766297105
-- column squared_distance: sum of the squared differences of their pixels; compare this · 8-bit values squared · 65025
-- column distance: Euclidean distance, pixels scaled to [0, 1]; for reading · pixels scaled to [0, 1] · 1.0
select
    pair.a as image_id,
    pair.b as other_id,
    pair.squared_distance,
    pair.distance
from pair
union all
select
    pair.b as image_id,
    pair.a as other_id,
    pair.squared_distance,
    pair.distance
from pair
