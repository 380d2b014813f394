-- title: Images that the split set does not know, and rows of it whose image is gone
-- grain: image
-- severity: must
-- tolerance: 0
-- param split_set: split_set = ingest
-- total: select count(*) from image where not image.is_dropped
-- next: split $split_set --extend
-- why: What one trains on is then not what the store holds, and the set's digest cannot be made again.
-- do: Place new images with `split NAME --extend`; where images were undone, split anew with `--replace`.
--
-- `missing` is split for an image that was ingested after the set was made, and image for a row of
-- the set whose image was withdrawn. Images that the set's own `--where` left out, or
-- that a decision dropped, are not meant.
select
    image.image_id,
    'split' as missing,
    image.label
from image
inner join (
    select run.run_id
    from run
    inner join split_set on split_set.split_set = $split_set and split_set.is_current
    left join run_input
        on run_input.run_id = split_set.run_id
        and run_input.input_run = run.run_id
    where run_input.run_id is null
) as later on later.run_id = image.run_id
left join split_image
    on split_image.split_set = $split_set
    and split_image.image_id = image.image_id
where split_image.image_id is null and not image.is_dropped
union all
select
    split_image.image_id,
    'image' as missing,
    split_image.label
from split_image
left join image on image.image_id = split_image.image_id
where split_image.split_set = $split_set and image.image_id is null
order by missing, image_id
