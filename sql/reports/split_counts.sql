-- title: Images by split and label in one split set
-- grain: split, label
-- param split_set: split_set = ingest
select
    split_image.split,
    split_image.label,
    count(*) as images,
    count(distinct image.pixel_hash) as distinct_pixels
from split_image
inner join image on image.image_id = split_image.image_id
where split_image.split_set = $split_set
group by split_image.split, split_image.label, split_image.label_id
order by
    case split_image.split when 'train' then 0 when 'valid' then 1 when 'test' then 2 else 3 end,
    split_image.label_id
