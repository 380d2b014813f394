-- title: Same pixels, different labels
-- grain: distinct picture
-- severity: must
-- tolerance: 0
-- total: select (select count(*) from image) - count(*) from duplicate_image where duplicate_image.kind = 'exact' and duplicate_image.copy_number > 1
-- next: peek --audit label_conflict_exact
-- why: At least one copy is mislabelled: no model can be right on all of them.
-- do: Look at them, and at report `label_conflicts`, which lists each label's copies. Split without the wrong ones by `--where "image_id not in (…)"`.
--
-- Groups of identical pixels that are filed under two or more classes. `image_id` is the copy
-- ingested first.
select
    duplicate_group.group_id as image_id,
    duplicate_group.images,
    duplicate_group.labels,
    duplicate_group.first_label,
    duplicate_group.last_label
from duplicate_group
where duplicate_group.kind = 'exact' and duplicate_group.labels > 1
order by duplicate_group.images desc, image_id
