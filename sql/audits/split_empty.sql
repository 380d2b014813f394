-- title: Splits without an image
-- grain: split
-- severity: must
-- tolerance: 0
-- param split_set: split_set = ingest
-- total: select count(*) from asked_split where asked_split.split_set = $split_set
-- next: split my_split
-- why: Without train nothing is learnt; a test set that was asked for and lost measures nothing.
-- do: Make a split set that fills what it is asked for, or ask for less: one made with `--train` and `--test` alone needs no valid.
--
-- Which of the splits that the set is to have (view asked_split) have no row in it: those that it was
-- asked for with a count or share above 0, or, for `ingest`, those that its sources name.
select asked_split.split
from asked_split
left join (
    select distinct split_image.split
    from split_image
    where split_image.split_set = $split_set
) as filled on filled.split = asked_split.split
where asked_split.split_set = $split_set and filled.split is null
order by asked_split.split
