-- title: One row a near-duplicates run whose pairs can still be used
-- column run_id: run that found them · no unit · 20110908T120000Z-0123456789
-- column is_current: the one that the views pair, leak and duplicate_image show: the newest · no unit · true
-- column radius: radius of the search as it was given, an exact decimal · pixels scaled to [0, 1] · 2.0
-- column threshold: greatest squared distance within the radius: floor(radius^2 x 65025) · 8-bit values squared · 260100
-- column group_radius: radius of the groups in view duplicate_image · pixels scaled to [0, 1] · 1.0
-- column group_threshold: the same as a squared distance · 8-bit values squared · 65025
-- column transforms: transforms that were searched under, in words; none: pictures as they are · no unit · shift1
-- column image_size: height x width x channels of an image · values · 784
-- column image_runs: ingest runs whose images were compared, as JSON · no unit · ["20110908T120000Z-0123456789"]
-- column pair_runs: near-duplicates runs whose pairs count, as JSON: this one and those it added to · no unit · ["20110908T130000Z-0123456789"]
-- column images: images compared, copies included · images · 547838
-- column distinct_images: pictures compared: images of equal pixels are one · pictures · 475602
-- column pairs: pairs within the radius · pairs · 6576935
--
-- A search counts as long as all runs that it names are live: after an undo of images that it
-- compared, the newest search that did not know them is current again, or none is.
select
    radius_join.run_id,
    run.sequence = max(run.sequence) over () as is_current,
    radius_join.radius,
    radius_join.threshold,
    radius_join.group_radius,
    radius_join.group_threshold,
    radius_join.transforms,
    radius_join.image_size,
    made_from.image_runs,
    made_from.pair_runs,
    radius_join.images,
    radius_join.distinct_images,
    radius_join.pairs
from stored_radius_join as radius_join
inner join run on run.run_id = radius_join.run_id
inner join inputs_of_run as made_from on made_from.run_id = radius_join.run_id
where not made_from.is_broken
