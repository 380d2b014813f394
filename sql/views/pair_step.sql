-- title: One row a pair and set of transforms between none and all that brings it nearer than lesser sets do
-- column a: image that stands for the first picture, as in view pair · no unit · 3205438726766297100
-- column b: image that stands for the second · no unit · 3205438726766297105
-- column transforms: the least set, in words, that has the transform · no unit · shift1
-- column squared_distance: least sum of the squared differences of their pixels under the set · 8-bit values squared · 65025
-- column transform: the transform, and the picture it moves · no unit · b:shift(1,-1)
--
-- View near_pair is made of this: what a search under shift2 answers for shift1. Pairs that no
-- transform but the identity brings near, or none nearer, have no row.
select
    step.a,
    step.b,
    step.transforms,
    step.squared_distance,
    step.transform
from stored_pair_step as step
where (step.run_id in (select pair_run.run_id from pair_run)) is true
