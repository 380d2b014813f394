-- title: Evaluation images with a copy or near copy in a split that must not know them, for each split set
-- column split_set: name of the split set · no unit · clean
-- column image_id: the evaluation image · no unit · 3205438726766297101
-- column split: its split: test or valid · no unit · test
-- column twin_id: the copy, or the nearest near copy: of several in twin_split, the one ingested first · no unit · 3205438726766297100
-- column twin_split: train, or valid for images of test · no unit · train
-- column squared_distance: sum of the squared differences of their pixels; compare this · 8-bit values squared · 0
-- column distance: Euclidean distance of the two, pixels scaled to [0, 1] · pixels scaled to [0, 1] · 0.0
-- column kind: exact: all pixels are equal; near: they differ, by no more than the radius of the last near-duplicates run; moved: so when one of them is moved by some transform or none · no unit · exact
-- column transforms: of kind moved the set of transforms, in words, as in view near_pair; else none · no unit · none
--
-- Leaks are counted once, in evaluation rows: test in train, valid in train, test in valid. An image
-- of test that stands in train and in valid has two rows, and two more if it has near copies there.
-- An image that itself was put into two splits is its own twin. Reports overlap_matrix and
-- near_overlap_matrix have all directions.
select
    exact_leak.split_set,
    exact_leak.image_id,
    exact_leak.split,
    exact_leak.twin_id,
    exact_leak.twin_split,
    cast(0 as bigint) as squared_distance,
    cast(0 as double) as distance,
    'exact' as kind,
    'none' as transforms
from exact_leak
union all
select
    near_leak.split_set,
    near_leak.image_id,
    near_leak.split,
    near_leak.twin_id,
    near_leak.twin_split,
    near_leak.squared_distance,
    near_leak.distance,
    case near_leak.transforms when 'none' then 'near' else 'moved' end as kind,
    near_leak.transforms
from near_leak
