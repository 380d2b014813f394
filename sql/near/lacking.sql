-- title: How many images, all or those that a split set uses, the current search does not know
-- param split_set: string
-- param crossed: string
--
-- `crossed` is a split set, where pairs across its splits are enough; null where all pairs matter.
select count(*) as images
from stored_image as image
left join (
    select distinct coverage.image_run
    from coverage
    where coverage.evidence = 'pair'
        and (coverage.split_set is null or coverage.split_set = $crossed)
) as known on known.image_run = image.run_id
where known.image_run is null
    and (
        $split_set is null
        or image.image_id in (
            select split_image.image_id
            from split_image
            where split_image.split_set = $split_set and split_image.split <> 'unused'
        )
    )
