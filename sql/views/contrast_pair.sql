-- title: One row a pair of pictures near each other up to brightness and contrast, of the last near-duplicates --contrast
-- column a: image that stands for the first picture: of equal images the one ingested first · no unit · 3205438726766297100
-- column b: image that stands for the second; a was ingested before it · no unit · 3205438726766297105
-- column distance: distance of the pictures less their mean, at unit norm; 0 where, and only where, these are the same · opposite ones are 2 apart · 0.05
--
-- No pair within the radius of the search is missing, and none is wrong: that was decided in integers;
-- the distance is for reading. Those that view not_duplicate names are left out, as of view pair. No
-- audit, group or split asks it.
with parted as materialized (
    select
        parted_picture.image_id,
        parted_picture.other_id
    from parted_picture
)

select
    pair.a,
    pair.b,
    pair.distance
from stored_contrast_pair as pair
inner join contrast_join on contrast_join.run_id = pair.run_id and contrast_join.is_current
where (pair.a in (select image_id from parted where other_id is null)) is not true
    and (pair.b in (select image_id from parted where other_id is null)) is not true
    and ((pair.a, pair.b) in (select image_id, other_id from parted)) is not true
