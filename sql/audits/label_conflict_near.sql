-- title: Nearly the same picture, different labels
-- grain: distinct picture
-- severity: should
-- tolerance: 0
-- needs: pair
-- param radius: radius = 1.0
-- param transforms: transforms = none
-- total: select (select count(*) from image where not image.is_dropped) - count(*) from duplicate_image inner join image on image.image_id = duplicate_image.image_id where duplicate_image.kind = 'exact' and duplicate_image.copy_number > 1 and not image.is_dropped
-- next: peek --pairs --audit label_conflict_near
-- why: Of two pictures that hardly differ, one is probably filed under the wrong class.
-- do: Look at the pairs; a bar can be an I and an l in good faith. `sanitize --conflicts majority` leaves the odd ones out.
--
-- Each picture within the radius of one with another label, with the nearest of those. Equal
-- pictures count once, with the label of the copy ingested first; label_conflict_exact has them.
-- Labels are those after decisions; pictures that were dropped are not compared, nor are pairs that a
-- decision parted. (Labels are compared in aggregates: as a condition of the joins, a planner may take
-- them for the way to join all images with all.)
with near as materialized (
    select
        pair.a,
        pair.b,
        pair.squared_distance,
        pair.distance
    from undropped_pair as pair
    where pair.transforms = $transforms and pair.squared_distance <= $radius
),

compared as (
    select
        near.a as image_id,
        near.b as twin_id,
        near.squared_distance,
        near.distance
    from near
    union all
    select
        near.b as image_id,
        near.a as twin_id,
        near.squared_distance,
        near.distance
    from near
),

conflict as (
    select
        compared.image_id,
        min(
            case when twin.label <> image.label then compared.squared_distance end
        ) as squared_distance,
        min(case when twin.label <> image.label then compared.distance end) as distance,
        arg_min(
            compared.twin_id,
            case when twin.label <> image.label
            then (compared.squared_distance, compared.twin_id) end
        ) as twin_id
    from compared
    inner join image on image.image_id = compared.image_id
    inner join image as twin on twin.image_id = compared.twin_id
    group by compared.image_id
    having count(case when twin.label <> image.label then 1 end) > 0
)

select
    conflict.image_id,
    image.label,
    conflict.twin_id,
    twin.label as twin_label,
    conflict.distance
from conflict
inner join image on image.image_id = conflict.image_id
inner join image as twin on twin.image_id = conflict.twin_id
order by conflict.squared_distance, image.label_id, conflict.image_id
