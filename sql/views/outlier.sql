-- title: Images farthest from their nearest neighbour in a sample, by the newest search of each split set
-- column split_set: split set that was looked at · no unit · clean
-- column version: its version; 0 for ingest · no unit · 1
-- column image_id: id, as in view image · no unit · 3205438726766297100
-- column label: its label in the split set · no unit · A
-- column nearest_id: the image of the sample that is nearest to it · no unit · 3205438726766297105
-- column squared_distance: sum of the squared differences of their pixels · 8-bit values squared · 15000000
-- column distance: Euclidean distance of the two, pixels scaled to [0, 1] · pixels scaled to [0, 1] · 15.2
-- column run_id: run that found it · no unit · 20110908T120000Z-0123456789
--
-- The sample is 2,000 images drawn by the search's seed; copies of an image do not count as its
-- neighbours. The 1,000 farthest images of a search are kept.
select
    outlier.split_set,
    outlier.version,
    outlier.image_id,
    outlier.label,
    outlier.nearest_id,
    outlier.squared_distance,
    sqrt(outlier.squared_distance / 65025.0e0) as distance,
    outlier.run_id
from stored_outlier as outlier
inner join suspect_search
    on suspect_search.run_id = outlier.run_id
    and suspect_search.split_set = outlier.split_set
    and suspect_search.is_newest
