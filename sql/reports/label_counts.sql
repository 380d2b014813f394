-- title: Images by label
-- grain: label
--
-- Problem 3 of the course: are the classes balanced? `deviation` is the distance of a class from
-- the mean of all classes that have images, as a share of that mean.
select
    label.label_id,
    label.label,
    label.images,
    label.images / avg(nullif(label.images, 0)) over () - 1 as deviation
from label
order by label.label_id
