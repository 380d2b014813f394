-- title: By content hash: where an image goes depends on nothing but its group and the seed
-- param seed: string
--
-- Reads `candidate` (image_id, label, group_key, draw_key) and `bound` (split, low, high): the
-- shares as intervals of 32 hexadecimal digits. Adding images never moves an old one.
select
    candidate.image_id,
    coalesce(bound.split, 'unused') as split
from candidate
left join bound
    on md5($seed || ':' || candidate.group_key) >= bound.low
    and md5($seed || ':' || candidate.group_key) < bound.high
order by candidate.image_id
