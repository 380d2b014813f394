-- title: Pictures that the current search knows, in the order of ingest, and in which splits they stand
-- param split_set: string = ingest
--
-- 1 where an image of the picture stands in that split.
with known as (
    select
        image.image_id,
        image.ingest_order,
        first_value(image.image_id) over (
            partition by image.pixel_hash
            order by image.ingest_order
        ) as picture_id
    from ordered_image as image
    inner join coverage on coverage.image_run = image.run_id and coverage.evidence = 'pair'
)
select
    picture.image_id,
    picture.in_train,
    picture.in_valid,
    picture.in_test
from (
    select
        known.picture_id as image_id,
        max(case when placed.split = 'train' then 1 else 0 end) as in_train,
        max(case when placed.split = 'valid' then 1 else 0 end) as in_valid,
        max(case when placed.split = 'test' then 1 else 0 end) as in_test,
        min(known.ingest_order) as ingest_order
    from known
    left join (
        select
            split_image.image_id,
            split_image.split
        from split_image
        where split_image.split_set = $split_set
    ) as placed on placed.image_id = known.image_id
    group by known.picture_id
) as picture
order by picture.ingest_order
