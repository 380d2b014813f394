-- title: Images that were brought to the store's shape, by split and label
-- grain: split, label
-- severity: info
-- tolerance: 0
-- param split_set: split_set = ingest
-- total: select count(*) from (select split_image.split, split_image.label from split_image where split_image.split_set = $split_set and split_image.split in ('train', 'valid', 'test') group by split_image.split, split_image.label)
-- next: sql image_sizes
-- why: Resampling leaves its marks: a class, or a split, of which more images were resized than of others can be told by them.
-- do: Compare `share` between labels and splits. Where it differs, take originals of one size, or say so beside the scores.
--
-- One row a split and label with images that `ingest --fit` has changed: how many it has, how many of
-- them were changed, and the medians of their own heights and widths.
select
    split_image.split,
    split_image.label,
    count(*) as images,
    count(image.fit) as resized,
    count(image.fit) / count(*) as share,
    median(image.height) as height,
    median(image.width) as width
from split_image
inner join image on image.image_id = split_image.image_id
where split_image.split_set = $split_set and split_image.split in ('train', 'valid', 'test')
group by split_image.split, split_image.label, split_image.label_id
having count(image.fit) > 0
order by split_image.split, split_image.label_id
