-- title: Pairs of different pictures by their distance
-- grain: tenth of a distance
--
-- Up to the radius of the last near-duplicates run. `pairs` have a distance from `distance` on, less
-- than a tenth more; `other_labels` counts those of two labels, `total` all pairs so far.
select
    counted.tenth / 10.0e0 as distance,
    counted.pairs,
    counted.other_labels,
    cast(
        sum(counted.pairs) over (
            order by counted.tenth
            rows between unbounded preceding and current row
        ) as bigint
    ) as total
from (
    select
        cast(floor(sqrt(pair.squared_distance * 100 / 65025.0e0)) as bigint) as tenth,
        count(*) as pairs,
        count(case when a.label <> b.label then 1 end) as other_labels
    from near_pair as pair
    inner join image as a on a.image_id = pair.a
    inner join image as b on b.image_id = pair.b
    where pair.transforms = 'none'
    group by cast(floor(sqrt(pair.squared_distance * 100 / 65025.0e0)) as bigint)
) as counted
order by counted.tenth
