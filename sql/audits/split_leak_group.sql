-- title: Evaluation images whose group stands in a split that must not know it
-- grain: evaluation image of a known group
-- severity: should
-- tolerance: 0
-- param split_set: split_set = ingest
-- param group_by: string = family
-- total: select count(*) from split_image inner join image on image.image_id = split_image.image_id where split_image.split_set = $split_set and split_image.split in ('valid', 'test') and (($group_by = 'family' and image.family is not null) or ($group_by <> 'family' and image.image_id in (select attribute.image_id from attribute where attribute.name = $group_by)))
-- next: split by_group --group-by $group_by
-- why: Pictures of one family, patient or writer look alike: the score then says little about those never seen.
-- do: Where new groups are the question, split with `--group-by` and the same name; report `leaks_by_family` lists families.
--
-- Images of test whose group has images in train or valid, and images of valid whose group has
-- images in train; one row each. `twins` counts them in `twin_split`: train, where it has any. A group
-- is a font's family, or what `--group-regex` or a column `group` gave; or, with
-- `--group-by patient`, what view attribute has under that name.
with grouped as (
    select
        image.image_id,
        image.family as group_value
    from image
    where $group_by = 'family' and image.family is not null
    union all
    select
        attribute.image_id,
        attribute.value as group_value
    from attribute
    where $group_by <> 'family' and attribute.name = $group_by
),

placed as (
    select
        split_image.image_id,
        split_image.split,
        split_image.label,
        grouped.group_value
    from split_image
    inner join grouped on grouped.image_id = split_image.image_id
    where split_image.split_set = $split_set
),

known as (
    select
        placed.group_value,
        count(case when placed.split = 'train' then 1 end) as in_train,
        count(case when placed.split = 'valid' then 1 end) as in_valid
    from placed
    group by placed.group_value
)

select
    placed.image_id,
    placed.split,
    placed.label,
    placed.group_value,
    case when known.in_train > 0 then 'train' else 'valid' end as twin_split,
    case when known.in_train > 0 then known.in_train else known.in_valid end as twins
from placed
inner join known on known.group_value = placed.group_value
where (placed.split = 'test' and known.in_train + known.in_valid > 0)
    or (placed.split = 'valid' and known.in_train > 0)
order by placed.split, placed.image_id
