-- title: Evaluated images with a copy among the training images, and whether it is exact
-- param threshold: int
--
-- Reads `train_id` (image_id) and `eval_id` (image_id, place).
with train_group as (
    select distinct coalesce(duplicate_image.group_id, train_id.image_id) as group_id
    from train_id
    left join duplicate_image
        on duplicate_image.image_id = train_id.image_id and duplicate_image.kind = 'exact'
),

leaked_group as (
    select
        train_group.group_id,
        'leaked_exact' as subset
    from train_group
    union all
    select
        neighbour.image_id as group_id,
        'leaked_near' as subset
    from neighbour
    inner join train_group on train_group.group_id = neighbour.other_id
    where neighbour.transforms = 'none' and neighbour.squared_distance <= $threshold
)

select
    eval_id.place,
    min(leaked_group.subset) as subset
from eval_id
left join duplicate_image
    on duplicate_image.image_id = eval_id.image_id and duplicate_image.kind = 'exact'
inner join leaked_group
    on leaked_group.group_id = coalesce(duplicate_image.group_id, eval_id.image_id)
group by eval_id.place
order by eval_id.place
