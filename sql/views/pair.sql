-- title: One row a pair of different pictures within the radius of the last near-duplicates run
-- column a: image that stands for the first picture: of equal images the one ingested first · no unit · 3205438726766297100
-- column b: image that stands for the second; a was ingested before it · no unit · 3205438726766297105
-- column squared_distance: least sum of the squared differences of their pixels, under the transforms of the search; compare this · 8-bit values squared · 65025
-- column transform: the transform that brings the two nearest, and the picture it moves; none where that is the identity · no unit · b:shift(1,-1)
-- column plain_squared_distance: the same with no picture moved; null beyond the radius · 8-bit values squared · 65025
-- column distance: Euclidean distance, pixels scaled to [0, 1]; for reading · pixels scaled to [0, 1] · 1.0
-- column rms: root of the mean squared difference of their pixels · pixels scaled to [0, 1] · 0.0357
--
-- No pair within the radius is missing, but those that view not_duplicate names: a decision says that
-- they are none. Equal images are no pair: they are one picture.
with parted as materialized (
    select
        parted_picture.image_id,
        parted_picture.other_id
    from parted_picture
)

select
    pair.a,
    pair.b,
    pair.squared_distance,
    pair.transform,
    pair.plain_squared_distance,
    sqrt(pair.squared_distance / 65025.0e0) as distance,
    sqrt(pair.squared_distance / 65025.0e0 / pair.image_size) as rms
from searched_pair as pair
where (pair.a in (select image_id from parted where other_id is null)) is not true
    and (pair.b in (select image_id from parted where other_id is null)) is not true
    and ((pair.a, pair.b) in (select image_id, other_id from parted)) is not true
