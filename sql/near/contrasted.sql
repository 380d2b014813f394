-- title: A search for pictures near each other up to brightness and contrast
-- param run_id: string
select
    contrast_join.run_id,
    contrast_join.radius,
    contrast_join.images,
    contrast_join.distinct_images,
    contrast_join.blank,
    contrast_join.pairs
from contrast_join
where contrast_join.run_id = $run_id
