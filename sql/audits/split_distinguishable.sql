-- title: Train and test that a classifier tells apart
-- grain: image
-- severity: info
-- tolerance: 0
-- needs: telling
-- param split_set: split_set = ingest
-- param least: float = 0.55
-- total: select coalesce(max(telling_image.images), 0) from telling_image where telling_image.split_set = $split_set
-- next: peek --audit split_distinguishable --split-set $split_set
-- why: Where test does not look like train, a score says how a model bears another source, not how it reads images like those it learnt from. The splits of KMNIST and of SVHN are known to differ.
-- do: Look at the images. If the set is meant to be one, mix it anew: `split` with recipe `stratified` or `hash`, by family where fonts or writers differ on purpose.
--
-- The images that look most like their own split, 100 of each, where the lower end of the area's
-- interval is above `least`: 0.5 is chance, 1 tells every image. The command distinguish finds it: a
-- classifier on the features of suspects, over folds that no copies straddle.
select
    telling_image.image_id,
    telling_image.split,
    telling_image.label,
    telling_image.probability,
    telling_image.auc,
    telling_image.low,
    telling_image.high
from telling_image
where telling_image.split_set = $split_set and telling_image.low > $least
order by telling_image.split, telling_image.probability desc, telling_image.image_id
