-- title: The pairs of view pair for each set of transforms that can be asked for
-- column transforms: the set, in words; none: pictures as they are · no unit · none
-- column a: image that stands for the first picture, as in view pair · no unit · 3205438726766297100
-- column b: image that stands for the second · no unit · 3205438726766297105
-- column squared_distance: least sum of the squared differences of their pixels under the set; compare this · 8-bit values squared · 65025
-- column distance: Euclidean distance, pixels scaled to [0, 1]; for reading · pixels scaled to [0, 1] · 1.0
-- column transform: the transform that brings the two nearest, and the picture it moves; of sets between none and all several may, and the first by name is shown · no unit · none
--
-- A search under shift2 answers for none and shift1, too: always say which, `transforms = 'none'`.
with lesser as (
    select
        asked.transforms,
        near.a,
        near.b,
        min(near.squared_distance) as squared_distance,
        arg_min(
            near.transform, (near.squared_distance, near.transform <> 'none', near.transform)
        ) as transform
    from (
        select
            pair.a,
            pair.b,
            'none' as transforms,
            pair.plain_squared_distance as squared_distance,
            'none' as transform
        from pair
        where pair.plain_squared_distance is not null
        union all
        select
            pair.a,
            pair.b,
            least.transforms,
            least.squared_distance,
            least.transform
        from pair
        inner join pair_step as least on least.a = pair.a and least.b = pair.b
    ) as near
    inner join asked_transforms as asked on asked.lesser = near.transforms
    where asked.transforms <> 'none' and not asked.is_searched
    group by asked.transforms, near.a, near.b
)

select
    'none' as transforms,
    pair.a,
    pair.b,
    pair.plain_squared_distance as squared_distance,
    sqrt(pair.plain_squared_distance / 65025.0e0) as distance,
    'none' as transform
from pair
where pair.plain_squared_distance is not null
union all
select
    searched.transforms,
    pair.a,
    pair.b,
    pair.squared_distance,
    pair.distance,
    pair.transform
from pair
cross join (
    select radius_join.transforms
    from radius_join
    where radius_join.is_current and radius_join.transforms <> 'none'
) as searched
union all
select
    lesser.transforms,
    lesser.a,
    lesser.b,
    lesser.squared_distance,
    sqrt(lesser.squared_distance / 65025.0e0) as distance,
    lesser.transform
from lesser
