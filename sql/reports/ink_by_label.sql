-- title: Mean and standard deviation of the pixels, by source and label, in the notebook's scale
-- grain: source, label
--
-- The notebook's scale is (x - 127.5) / 255. Its mean is the mean share of ink less one half; its
-- standard deviation is taken over all pixels of all images of the class.
select
    image.source,
    image.label,
    count(*) as images,
    avg(image.ink_mean) - 0.5 as mean,
    sqrt(
        avg(image.ink_std * image.ink_std + image.ink_mean * image.ink_mean)
        - avg(image.ink_mean) * avg(image.ink_mean)
    ) as std
from image
where not image.is_dropped
group by image.source, image.label, image.label_id
order by image.source, image.label_id
