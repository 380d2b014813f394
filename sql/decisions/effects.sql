-- title: Images of a version of a split set that decisions since would touch
-- param name: string
-- param version: int
select
    count(case when image.is_dropped then 1 end) as dropped,
    count(case when not image.is_dropped and image.label <> split_rows.label then 1 end)
    as relabelled,
    (
        select count(*)
        from stored_split_drop as split_drop
        inner join image as back on back.image_id = split_drop.image_id
        where split_drop.split_set = $name
            and split_drop.version = $version
            and split_drop.rule = 'decision'
            and not back.is_dropped
    ) as kept
from stored_split_image as split_rows
inner join image on image.image_id = split_rows.image_id
where split_rows.split_set = $name and split_rows.version = $version
