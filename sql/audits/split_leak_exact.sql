-- title: Evaluation images whose pixels stand in a split that must not know them
-- grain: evaluation image
-- severity: must
-- tolerance: 0
-- param split_set: split_set = ingest
-- total: select count(*) from split_image where split_image.split_set = $split_set and split_image.split in ('valid', 'test')
-- next: peek --audit split_leak_exact --split-set $split_set
-- why: A score on images that were trained on says how well they are remembered, not how well others are read.
-- do: Make a split set that keeps copies together, as recipes `stratified` and `hash` do; report `overlap_matrix` has all directions.
--
-- Images of test whose pixels stand in train or valid, and images of valid whose pixels stand in
-- train; one row each. The twin is the one in train, where there is one; of several, the one
-- ingested first.
select
    leak.image_id,
    leak.split,
    split_image.label,
    arg_min(leak.twin_id, case leak.twin_split when 'train' then 0 else 1 end) as twin_id,
    min(leak.twin_split) as twin_split
from exact_leak as leak
inner join split_image
    on split_image.split_set = leak.split_set
    and split_image.image_id = leak.image_id
    and split_image.split = leak.split
where leak.split_set = $split_set
group by leak.image_id, leak.split, split_image.label
order by leak.split, leak.image_id
