-- title: Splits without an image
-- grain: split
-- severity: must
-- tolerance: 0
-- param split_set: split_set = ingest
-- total: select 3
-- next: split my_split
-- why: Without train nothing is learnt; without valid every choice is made on test, or blindly.
-- do: Make a split set that fills train, valid and test. For a set meant to lack one of the three, allow it: `--tolerance split_empty=0.34`.
--
-- Which of train, valid and test have no row in the set.
select wanted.split
from (
    select 'train' as split
    union all
    select 'valid' as split
    union all
    select 'test' as split
) as wanted
left join (
    select distinct split_image.split
    from split_image
    where split_image.split_set = $split_set
) as filled on filled.split = wanted.split
where filled.split is null
order by wanted.split
