-- title: Splits with their images and leaks, up to a distance, for the table of a paper
-- param split_set: string
--
-- `$squared` is the distance, squared as in view pair.
with leaking as (
    select
        leak.split,
        count(distinct case when leak.kind = 'exact' then leak.image_id end) as exact,
        count(distinct case when leak.kind = 'near' then leak.image_id end) as near
    from leak
    where leak.split_set = $split_set and leak.kind in ('exact', 'near') and leak.squared_distance <= $squared
    group by leak.split
)

select
    split_image.split,
    count(*) as images,
    count(distinct split_image.label) as labels,
    count(distinct image.pixel_hash) as distinct_pixels,
    coalesce(any_value(leaking.exact), 0) as exact,
    coalesce(any_value(leaking.near), 0) as near
from split_image
left join image on image.image_id = split_image.image_id
left join leaking on leaking.split = split_image.split
where split_image.split_set = $split_set and split_image.split <> 'unused'
group by split_image.split
order by case split_image.split when 'train' then 0 when 'valid' then 1 else 2 end
