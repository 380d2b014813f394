-- title: Images that are unlike all others: the not-a-letters
-- grain: image
-- param split_set: split_set = ingest
-- param most: int = 100
--
-- The farthest from their nearest neighbour in a seeded sample first. The command suspects finds them.
-- Images that were dropped, relabelled or said to keep since are not listed.
select
    far.image_id,
    far.label,
    far.nearest_id,
    far.distance
from (
    select
        outlier.image_id,
        outlier.label,
        outlier.nearest_id,
        outlier.distance,
        row_number() over (order by outlier.squared_distance desc, outlier.image_id) as rank
    from outlier
    inner join image on image.image_id = outlier.image_id
    where outlier.split_set = $split_set and image.decision is null
) as far
where far.rank <= $most
order by far.rank
