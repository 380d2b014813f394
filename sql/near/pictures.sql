-- title: Distinct pictures in the order of ingest, each with the image that stands for it, and where it stands
-- param split_set: string
--
-- Images with equal pixels are one picture; the one ingested first stands for it, so that later
-- images never change that. `stands` is in which splits of the split set (none where that is null) it
-- has images: the sum of 1 for train, 2 for valid and 4 for test. Of ingest the images that a decision
-- dropped count, too: one can be taken back. `images` are those of the picture, `placed` those of them
-- in these splits. `is_known` says whether the current search has compared it with all that it knows.
-- Reads `seen_run` (run_id): images of other ingest runs stand nowhere.
with placed as (
    select
        split_image.image_id,
        split_image.split
    from split_image
    where split_image.split_set = $split_set and $split_set <> 'ingest'
    union all
    select
        image.image_id,
        image.split
    from stored_image as image
    where $split_set = 'ingest'
),

standing as (
    select
        placed.image_id,
        max(case when placed.split = 'train' then 1 else 0 end) as in_train,
        max(case when placed.split = 'valid' then 2 else 0 end) as in_valid,
        max(case when placed.split = 'test' then 4 else 0 end) as in_test
    from placed
    inner join stored_image as image on image.image_id = placed.image_id
    where placed.split in ('train', 'valid', 'test')
        and image.run_id in (select seen_run.run_id from seen_run)
    group by placed.image_id
)

select
    picture.image_id,
    picture.stands,
    picture.images,
    picture.placed,
    picture.is_known
from (
    select
        arg_min(image.image_id, image.ingest_order) as image_id,
        coalesce(max(standing.in_train), 0)
        + coalesce(max(standing.in_valid), 0)
        + coalesce(max(standing.in_test), 0) as stands,
        count(*) as images,
        count(standing.image_id) as placed,
        count(known.image_run) > 0 as is_known,
        min(image.ingest_order) as place
    from ordered_image as image
    left join standing on standing.image_id = image.image_id
    left join (
        select coverage.image_run
        from coverage
        where coverage.evidence = 'pair' and coverage.split_set is null
    ) as known on known.image_run = image.run_id
    group by image.pixel_hash
) as picture
order by picture.place
