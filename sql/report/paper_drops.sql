-- title: Images that a split set left out, by rule
-- param split_set: string
select
    split_drop.rule,
    count(distinct split_drop.image_id) as images
from split_drop
where split_drop.split_set = $split_set
group by split_drop.rule
order by images desc, split_drop.rule
