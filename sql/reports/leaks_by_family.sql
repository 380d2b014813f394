-- title: Font families that stand in train and in an evaluation split, most images first
-- grain: family
-- param split_set: split_set = ingest
--
-- `leaks` counts those of its images in valid and test whose very pixels are in train, or, for test,
-- in valid.
with leaked as (
    select distinct leak.image_id
    from exact_leak as leak
    where leak.split_set = $split_set
)

select
    image.family,
    count(case when split_image.split = 'train' then 1 end) as train,
    count(case when split_image.split = 'valid' then 1 end) as valid,
    count(case when split_image.split = 'test' then 1 end) as test,
    count(leaked.image_id) as leaks
from split_image
inner join image on image.image_id = split_image.image_id
left join leaked on leaked.image_id = split_image.image_id
where split_image.split_set = $split_set and image.family is not null
group by image.family
having count(case when split_image.split = 'train' then 1 end) > 0
    and count(case when split_image.split in ('valid', 'test') then 1 end) > 0
order by leaks desc, valid + test desc, image.family
