-- title: Pairs whose images are in the store, with a label on either side where one is given
-- param label: string
--
-- Reads `asked_pair` (image_id, twin_id, distance).
select
    asked_pair.image_id,
    asked_pair.twin_id,
    asked_pair.distance
from asked_pair
inner join image on image.image_id = asked_pair.image_id
inner join image as twin on twin.image_id = asked_pair.twin_id
where $label is null or image.label = $label or twin.label = $label
order by asked_pair.distance, asked_pair.image_id, asked_pair.twin_id
