-- title: One row a pair that the last near-duplicates run found, whatever was decided of it
-- column a: image that stands for the first picture: of equal images the one ingested first · no unit · 3205438726766297100
-- column b: image that stands for the second; a was ingested before it · no unit · 3205438726766297105
-- column squared_distance: least sum of the squared differences of their pixels, under the transforms of the search; compare this · 8-bit values squared · 65025
-- column transform: the transform that brings the two nearest, and the picture it moves; none where that is the identity · no unit · b:shift(1,-1)
-- column plain_squared_distance: the same with no picture moved; null beyond the radius · 8-bit values squared · 65025
-- column image_size: height x width x channels of an image · values · 784
--
-- What view pair shows, and the pairs that view not_duplicate takes out of it: further searches and
-- certificates go by these. (`is true` keeps planners from building on the pairs, of which there may be
-- millions.)
select
    pair.a,
    pair.b,
    pair.squared_distance,
    pair.transform,
    pair.plain_squared_distance,
    (select radius_join.image_size from radius_join where radius_join.is_current) as image_size
from stored_pair as pair
where (pair.run_id in (select pair_run.run_id from pair_run)) is true
