-- title: Evaluation images whose font family stands in a split that must not know it
-- grain: evaluation image of a known family
-- severity: should
-- tolerance: 0
-- param split_set: split_set = ingest
-- total: select count(*) from split_image inner join image on image.image_id = split_image.image_id where split_image.split_set = $split_set and split_image.split in ('valid', 'test') and image.family is not null
-- next: split by_family --group-by family
-- why: Letters of one family look alike: the score then says little about fonts never seen.
-- do: Where new fonts are the question, split with `--group-by family`; report `leaks_by_family` lists the families.
--
-- Images of test whose family has images in train or valid, and images of valid whose family has
-- images in train; one row each. `twins` counts them in `twin_split`: train, where it has any.
with placed as (
    select
        split_image.image_id,
        split_image.split,
        split_image.label,
        image.family
    from split_image
    inner join image on image.image_id = split_image.image_id
    where split_image.split_set = $split_set and image.family is not null
),

known as (
    select
        placed.family,
        count(case when placed.split = 'train' then 1 end) as in_train,
        count(case when placed.split = 'valid' then 1 end) as in_valid
    from placed
    group by placed.family
)

select
    placed.image_id,
    placed.split,
    placed.label,
    placed.family,
    case when known.in_train > 0 then 'train' else 'valid' end as twin_split,
    case when known.in_train > 0 then known.in_train else known.in_valid end as twins
from placed
inner join known on known.family = placed.family
where (placed.split = 'test' and known.in_train + known.in_valid > 0)
    or (placed.split = 'valid' and known.in_train > 0)
order by placed.split, placed.image_id
