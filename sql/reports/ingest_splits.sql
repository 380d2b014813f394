-- title: Images in each split of the split set called ingest
-- grain: split
select
    image.split,
    count(*) as images,
    count(distinct image.label) as labels
from image
group by image.split
order by image.split
