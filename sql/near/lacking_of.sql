-- title: How many of the images asked for (wanted_image) the current search does not know
-- param crossed: string
--
-- `crossed` is a split set, where pairs across its splits are enough; null where all pairs matter.
select count(*) as images
from image
left join (
    select distinct coverage.image_run
    from coverage
    where coverage.evidence = 'pair'
        and (coverage.split_set is null or coverage.split_set = $crossed)
) as known on known.image_run = image.run_id
where known.image_run is null
    and image.image_id in (select wanted_image.image_id from wanted_image)
