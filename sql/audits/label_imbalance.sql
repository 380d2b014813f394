-- title: Classes that are larger or smaller than the mean by more than 1 %
-- grain: label
-- severity: should
-- tolerance: 0
-- param deviation: float = 0.01
-- total: select count(*) from label where label.images > 0
-- next: sql label_counts
-- why: A model favours what it saw more often, and accuracy over all images hides the small classes.
-- do: Take equal numbers of each class with `split NAME --train N --valid N --test N`, or compare scores class by class.
--
-- `deviation` is the distance from the mean of all classes, as a share of it. A class less than one
-- image from the mean is as near as it can be. A class without any image, which a source only
-- numbers, does not count.
select
    counted.label,
    counted.images,
    counted.images / counted.mean - 1 as deviation
from (
    select
        label.label,
        label.label_id,
        label.images,
        avg(label.images) over () as mean
    from label
    where label.images > 0
) as counted
where abs(counted.images - counted.mean) > $deviation * counted.mean
    and abs(counted.images - counted.mean) >= 1
order by counted.label_id
