-- title: Pairs up to a squared distance, those that decisions part left out
-- param most: int
-- param transforms: transforms = none
select
    pair.a,
    pair.b,
    pair.squared_distance
from near_pair as pair
where pair.transforms = $transforms and pair.squared_distance <= $most
order by pair.squared_distance, pair.a, pair.b
