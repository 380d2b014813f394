-- title: Classes that differ from their split's mean by more than 5 %
-- grain: split, label
-- severity: should
-- tolerance: 0
-- param split_set: split_set = ingest
-- param deviation: float = 0.05
-- total: select count(*) from (select split_image.split, split_image.label from split_image where split_image.split_set = $split_set and split_image.split in ('train', 'valid', 'test') group by split_image.split, split_image.label)
-- next: sql split_counts --param split_set=$split_set
-- why: Scores of two splits cannot be compared when their mix of classes differs.
-- do: Recipe `stratified` gives every class the same number; `hash` draws at random, so its small splits vary.
--
-- `deviation` is the distance from the mean of the classes in the split, as a share of it. A class
-- less than one image from the mean is as near as it can be.
select
    counted.split,
    counted.label,
    counted.images,
    counted.images / counted.mean - 1 as deviation
from (
    select
        split_image.split,
        split_image.label,
        split_image.label_id,
        count(*) as images,
        avg(count(*)) over (partition by split_image.split) as mean
    from split_image
    where split_image.split_set = $split_set and split_image.split in ('train', 'valid', 'test')
    group by split_image.split, split_image.label, split_image.label_id
) as counted
where abs(counted.images - counted.mean) > $deviation * counted.mean
    and abs(counted.images - counted.mean) >= 1
order by counted.split, counted.label_id
