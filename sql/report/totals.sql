-- title: How much a store holds: the numbers that a page opens with
select
    (select count(*) from image) as images,
    (select count(*) from label where images > 0) as labels,
    (select count(distinct pixel_hash) from image) as distinct_images,
    (select count(*) from reject) as rejects
