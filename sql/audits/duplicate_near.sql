-- title: Pictures that are near copies of one that was there before
-- grain: distinct picture
-- severity: info
-- tolerance: 0
-- needs: pair
-- param radius: radius = 1.0
-- param transforms: transforms = none
-- total: select (select count(*) from image where not image.is_dropped) - count(*) from duplicate_image inner join image on image.image_id = duplicate_image.image_id where duplicate_image.kind = 'exact' and duplicate_image.copy_number > 1 and not image.is_dropped
-- next: sql near_groups
-- why: A set holds fewer pictures than it has images, and scores on it are surer than they look.
-- do: Keep them together with `split NAME --group-by near`. Many of one group, say near-white bars, may be worth leaving out.
--
-- Each picture within the radius of one that was ingested before it, with the nearest of those.
-- Equal pictures count once; duplicate_exact has their copies. Pictures that were dropped are not
-- compared, nor are pairs that a decision parted.
select
    near.image_id,
    image.label,
    near.twin_id,
    twin.label as twin_label,
    near.distance
from (
    select
        pair.b as image_id,
        pair.a as twin_id,
        pair.squared_distance,
        pair.distance,
        row_number() over (
            partition by pair.b
            order by pair.squared_distance, pair.a
        ) as choice
    from undropped_pair as pair
    where pair.transforms = $transforms and pair.squared_distance <= $radius
) as near
inner join image on image.image_id = near.image_id
inner join image as twin on twin.image_id = near.twin_id
where near.choice = 1
order by near.squared_distance, near.image_id
