-- title: Pairs of near copies that nothing was decided of yet, the nearest first
-- param transforms: transforms = none
-- param radius: radius = 1.0
-- param after: int = -1
-- param after_a: int = 0
-- param after_b: int = 0
-- param most: int = 2000
--
-- Reads `decided_image` (image_id). `image_id` is the picture that came later. The `most` that follow the pair (after_a, after_b) at the squared distance `after`.
select
    pair.b as image_id,
    pair.a as twin_id,
    pair.squared_distance
from near_pair as pair
where pair.transforms = $transforms
    and pair.squared_distance <= $radius
    and (
        pair.squared_distance > $after
        or (pair.squared_distance = $after and pair.a > $after_a)
        or (pair.squared_distance = $after and pair.a = $after_a and pair.b > $after_b)
    )
    and (pair.a in (select decided_image.image_id from decided_image)) is not true
    and (pair.b in (select decided_image.image_id from decided_image)) is not true
order by pair.squared_distance, pair.a, pair.b
limit $most
