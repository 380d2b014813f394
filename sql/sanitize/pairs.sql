-- title: Pairs of pictures up to a squared distance, the nearest first
-- param most: int
-- param transforms: transforms = none
--
-- Reads `picture` (image_id, number, home): the pictures to look at. Pairs with others are left out,
-- and pairs of two with the same home, unless that is below 0.
select
    one.number as left_number,
    other.number as right_number,
    pair.squared_distance
from near_pair as pair
inner join picture as one on one.image_id = pair.a
inner join picture as other on other.image_id = pair.b
where pair.transforms = $transforms
    and pair.squared_distance <= $most
    and (one.home < 0 or one.home <> other.home)
order by pair.squared_distance, one.number, other.number
