-- title: Images that stand in different splits of two split sets, by class, and why they were dropped
-- grain: label, from, to, rule
-- param a: split_set
-- param b: split_set
--
-- A split that is null means that the image is not in that split set at all. `rule` says why split set
-- b left an image out, as view split_drop does; it is null for images that are unused there for no
-- such reason.
select
    coalesce(b.label, a.label) as label,
    a.split as split_a,
    b.split as split_b,
    dropped.rule,
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
left join (
    select
        split_drop.image_id,
        min(split_drop.rule) as rule
    from split_drop
    where split_drop.split_set = $b
    group by split_drop.image_id
) as dropped
    on dropped.image_id = b.image_id
    and b.split = 'unused'
where a.split is distinct from b.split
group by coalesce(b.label, a.label), a.split, b.split, dropped.rule
order by label, split_a nulls last, split_b nulls last, rule nulls last
