-- title: Images in the order of their split: random by seed, the same on every engine
-- param seed: string
--
-- Reads `placed` (image_id, split).
select
    placed.image_id,
    placed.split,
    case when placed.split <> 'unused' then row_number() over (
        partition by placed.split
        order by md5($seed || ':' || placed.image_id), placed.image_id
    ) - 1 end as position
from placed
order by placed.split, position, placed.image_id
