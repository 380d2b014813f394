-- title: One row a near-duplicates --contrast run whose pairs can still be used
-- column run_id: run that found them · no unit · 20110908T120000Z-0123456789
-- column is_current: the one that view contrast_pair shows: the newest · no unit · true
-- column radius: radius of the search as it was given, an exact decimal · directions: opposite ones are 2 apart · 0.1
-- column image_runs: ingest runs whose images were compared, as JSON · no unit · ["20110908T120000Z-0123456789"]
-- column images: images there were, copies included · images · 547838
-- column distinct_images: pictures there were: images of equal pixels are one · pictures · 475602
-- column blank: pictures of one value throughout, which have no direction and are in no pair · pictures · 1
-- column pairs: pairs within the radius · pairs · 6576935
--
-- A search counts as long as all runs whose images it compared are live and no source was restored
-- that comes before one of them, as in view radius_join.
select
    contrast_join.run_id,
    run.sequence = max(run.sequence) over () as is_current,
    contrast_join.radius,
    made_from.image_runs,
    contrast_join.images,
    contrast_join.distinct_images,
    contrast_join.blank,
    contrast_join.pairs
from stored_contrast_join as contrast_join
inner join run on run.run_id = contrast_join.run_id
inner join inputs_of_run as made_from on made_from.run_id = contrast_join.run_id
where not made_from.is_broken and not made_from.is_overtaken
