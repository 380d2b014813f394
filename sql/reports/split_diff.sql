-- title: Images that stand in different splits of two split sets, by class
-- grain: label, from, to
-- param a: string
-- param b: string
--
-- Null means that the image is not in that split set at all.
select
    coalesce(b.label, a.label) as label,
    a.split as split_a,
    b.split as split_b,
    count(*) as images,
    min(coalesce(a.image_id, b.image_id)) as image_id
from (
    select split_image.image_id, split_image.split, split_image.label
    from split_image
    where split_image.split_set = $a
) as a
full outer join (
    select split_image.image_id, split_image.split, split_image.label
    from split_image
    where split_image.split_set = $b
) as b
    on b.image_id = a.image_id
where a.split is distinct from b.split
group by coalesce(b.label, a.label), a.split, b.split
order by label, split_a nulls last, split_b nulls last
