-- title: How many images of a split are not in the store any more
-- param name: string
-- param version: int
-- param split: string
select count(*) as images
from stored_split_image as split_rows
anti join stored_image as image on image.image_id = split_rows.image_id
where split_rows.split_set = $name and split_rows.version = $version
    and split_rows.split = $split
