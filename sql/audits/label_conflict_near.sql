-- title: Nearly the same picture, different labels
-- grain: distinct picture
-- severity: should
-- tolerance: 0
-- needs: pair
-- param radius: radius = 1.0
-- total: select (select count(*) from image) - count(*) from duplicate_image where duplicate_image.kind = 'exact' and duplicate_image.copy_number > 1
-- next: peek --pairs --audit label_conflict_near
-- why: Of two pictures that hardly differ, one is probably filed under the wrong class.
-- do: Look at the pairs; a bar can be an I and an l in good faith. `sanitize --conflicts majority` leaves the odd ones out.
--
-- Each picture within the radius of one with another label, with the nearest of those. Equal
-- pictures count once, with the label of the copy ingested first; label_conflict_exact has them.
with neighbour as (
    select
        pair.a as image_id,
        pair.b as twin_id,
        pair.squared_distance,
        pair.distance
    from pair
    where pair.squared_distance <= $radius
    union all
    select
        pair.b as image_id,
        pair.a as twin_id,
        pair.squared_distance,
        pair.distance
    from pair
    where pair.squared_distance <= $radius
),

conflict as (
    select
        neighbour.image_id,
        image.label,
        image.label_id,
        neighbour.twin_id,
        twin.label as twin_label,
        neighbour.squared_distance,
        neighbour.distance,
        row_number() over (
            partition by neighbour.image_id
            order by neighbour.squared_distance, neighbour.twin_id
        ) as choice
    from neighbour
    inner join image on image.image_id = neighbour.image_id
    inner join image as twin on twin.image_id = neighbour.twin_id
    where twin.label <> image.label
)

select
    conflict.image_id,
    conflict.label,
    conflict.twin_id,
    conflict.twin_label,
    conflict.distance
from conflict
where conflict.choice = 1
order by conflict.squared_distance, conflict.label_id, conflict.image_id
