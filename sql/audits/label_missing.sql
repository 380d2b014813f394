-- title: Classes of the store without an image in a split of the set
-- grain: split, label
-- severity: must
-- tolerance: 0
-- param split_set: split_set = ingest
-- total: select (select count(*) from label where label.images > 0) * count(distinct split_image.split) from split_image where split_image.split_set = $split_set and split_image.split in ('train', 'valid', 'test')
-- next: sql split_counts --param split_set=$split_set
-- why: A class that is not in train is never learnt; one that is not in test is never measured.
-- do: Split anew with larger sizes, or with recipe `stratified`, which gives each class its share.
--
-- Each class that has images in the store, but none in train, valid or test. Splits without any image
-- at all are left to split_empty.
with counted as (
    select
        split_image.split,
        split_image.label,
        count(*) as images
    from split_image
    where split_image.split_set = $split_set and split_image.split in ('train', 'valid', 'test')
    group by split_image.split, split_image.label
)

select
    filled.split,
    label.label
from (
    select distinct counted.split
    from counted
) as filled
cross join label
left join counted on counted.split = filled.split and counted.label = label.label
where counted.images is null and label.images > 0
order by filled.split, label.label_id
