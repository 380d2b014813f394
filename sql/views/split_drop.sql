-- title: Images that a split set left out for a reason, in its current version
-- column split_set: name of the split set · no unit · clean
-- column version: its version · no unit · 1
-- column image_id: image that was left out · no unit · 3205438726766297100
-- column rule: why · no unit · group_in_two_splits
-- column twin_id: image it collided with, where there is one · no unit · 3205438726766297101
-- column squared_distance: of the two, as the sum of squared differences of their pixels · 8-bit values squared · 260100
select
    split_drop.split_set,
    split_drop.version,
    split_drop.image_id,
    split_drop.rule,
    split_drop.twin_id,
    split_drop.squared_distance
from stored_split_drop as split_drop
inner join split_set
    on split_set.split_set = split_drop.split_set
    and split_set.version = split_drop.version
    and split_set.is_current
