-- title: Pairs up to a squared distance, those that decisions part left out
-- param most: int
select
    pair.a,
    pair.b,
    pair.squared_distance
from pair
where pair.squared_distance <= $most
order by pair.squared_distance, pair.a, pair.b
