-- title: Same pixels, different labels
-- grain: distinct picture
-- severity: must
-- tolerance: 0
-- total: select (select count(*) from image where not image.is_dropped) - count(*) from duplicate_image inner join image on image.image_id = duplicate_image.image_id where duplicate_image.kind = 'exact' and duplicate_image.copy_number > 1 and not image.is_dropped
-- next: peek --audit label_conflict_exact
-- why: At least one copy is mislabelled: no model can be right on all of them.
-- do: Look at them, and at report `label_conflicts`, which lists each label's copies. `decide` which label is right (`relabel`), or `drop` the picture.
--
-- Groups of identical pixels that are filed under two or more classes. `image_id` is the copy
-- ingested first. Labels are those after decisions; pictures that were dropped are not listed.
select
    duplicate_group.group_id as image_id,
    duplicate_group.images,
    duplicate_group.labels,
    duplicate_group.first_label,
    duplicate_group.last_label
from duplicate_group
inner join image on image.image_id = duplicate_group.group_id
where duplicate_group.kind = 'exact' and duplicate_group.labels > 1 and not image.is_dropped
order by duplicate_group.images desc, duplicate_group.group_id
