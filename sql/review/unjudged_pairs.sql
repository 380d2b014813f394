-- title: Pairs of near copies that nobody has judged yet
-- param transforms: transforms = none
with judged as materialized (
    select
        least(verdict.image_id, verdict.twin_id) as low_id,
        greatest(verdict.image_id, verdict.twin_id) as high_id
    from verdict
    where verdict.transforms = $transforms
)

select
    pair.b as image_id,
    pair.a as twin_id,
    pair.squared_distance
from near_pair as pair
where pair.transforms = $transforms
    and ((least(pair.a, pair.b), greatest(pair.a, pair.b)) in (
        select
            judged.low_id,
            judged.high_id
        from judged
    )) is not true
