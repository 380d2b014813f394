-- title: How well one run told train from test
-- param run_id: string
select distinct split_set, version, images, auc, low, high, folds, run_id
from stored_telling_image
where run_id = $run_id
