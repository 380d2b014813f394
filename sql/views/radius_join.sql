-- title: One row a near-duplicates run whose pairs can still be used
-- column run_id: run that found them · no unit · 20110908T120000Z-0123456789
-- column is_current: the one that the views pair, leak and duplicate_image show, with those it added to: the newest · no unit · true
-- column split_set: split set across whose splits pictures were compared; null: all pictures were, with all · no unit · clean
-- column digest: its digest, by which view coverage finds it; null for ingest, and where all were compared · hex · 76b2ef7ccc56452964780569db37b279c9cbe1bf442c3b38be784752683b3cec
-- column radius: radius of the search as it was given, an exact decimal · pixels scaled to [0, 1] · 2.0
-- column threshold: greatest squared distance within the radius: floor(radius^2 x 65025) · 8-bit values squared · 260100
-- column group_radius: radius of the groups in view duplicate_image; null until a search of all pairs made them · pixels scaled to [0, 1] · 1.0
-- column group_threshold: the same as a squared distance · 8-bit values squared · 65025
-- column transforms: transforms that were searched under, in words; none: pictures as they are · no unit · shift1
-- column image_size: height x width x channels of an image · values · 784
-- column image_runs: ingest runs whose images were there, as JSON · no unit · ["20110908T120000Z-0123456789"]
-- column pair_runs: near-duplicates runs whose pairs count, as JSON: this one and those it added to · no unit · ["20110908T130000Z-0123456789"]
-- column images: images that are covered, copies included: all, or those of train, valid and test · images · 547838
-- column distinct_images: pictures of these: images of equal pixels are one · pictures · 475602
-- column pairs: pairs of these within the radius, or those that cross the splits · pairs · 6576935
--
-- A search counts as long as all runs that it names are live, and no source was restored that comes
-- before one that it knows: its images would stand for pictures that pairs name by others. Otherwise
-- the newest search that can be used is current, or none is.
select
    radius_join.run_id,
    run.sequence = max(run.sequence) over () as is_current,
    radius_join.split_set,
    radius_join.digest,
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
where not made_from.is_broken and not made_from.is_overtaken
