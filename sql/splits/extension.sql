-- title: Images that a split set does not have, and where the others of their groups stand in it
-- param split_set: string
--
-- Reads `candidate` (image_id, group_key, is_dropped, and place, the order of ingest). `split` is
-- null where no image of the group is in the set; `twin_id` is an image of it where they stand in
-- two splits.
with stands as (
    select
        candidate.group_key,
        split_image.split,
        arg_min(candidate.image_id, candidate.place) as twin_id
    from candidate
    inner join split_image on split_image.image_id = candidate.image_id
    where split_image.split_set = $split_set
    group by candidate.group_key, split_image.split
),

known as (
    select
        stands.group_key,
        count(case when stands.split <> 'unused' then 1 end) > 1 as is_cut,
        min(case when stands.split <> 'unused' then stands.split end) as split,
        min(case when stands.split <> 'unused' then stands.twin_id end) as twin_id
    from stands
    group by stands.group_key
)

select
    candidate.image_id,
    case
        when known.is_cut or (known.is_cut is not null and known.split is null) then 'unused'
        else known.split
    end as split,
    case when known.is_cut then known.twin_id end as twin_id
from candidate
left join known on known.group_key = candidate.group_key
left join split_image
    on split_image.image_id = candidate.image_id
    and split_image.split_set = $split_set
where split_image.image_id is null and not candidate.is_dropped
order by candidate.place
