-- title: One row a pair of different pictures within the radius of the last near-duplicates run
-- column a: image that stands for the first picture: of equal images the one ingested first · no unit · 3205438726766297100
-- column b: image that stands for the second; a was ingested before it · no unit · 3205438726766297105
-- column squared_distance: sum of the squared differences of their pixels; compare this · 8-bit values squared · 65025
-- column distance: Euclidean distance, pixels scaled to [0, 1]; for reading · pixels scaled to [0, 1] · 1.0
-- column rms: root of the mean squared difference of their pixels · pixels scaled to [0, 1] · 0.0357
--
-- No pair within the radius is missing. Equal images are no pair: they are one picture.
select
    pair.a,
    pair.b,
    pair.squared_distance,
    sqrt(pair.squared_distance / 65025.0e0) as distance,
    sqrt(pair.squared_distance / 65025.0e0 / counted.image_size) as rms
from stored_pair as pair
inner join (
    select
        run.run_id,
        radius_join.image_size
    from radius_join
    inner join run on radius_join.pair_runs like '%"' || run.run_id || '"%'
    where radius_join.is_current
) as counted on counted.run_id = pair.run_id
