-- title: Images of train and test that look most like their own split, by the newest run of distinguish of each split set
-- column split_set: split set whose train and test were told apart · no unit · clean
-- column version: its version; 0 for ingest · no unit · 1
-- column image_id: id, as in view image · no unit · 3205438726766297100
-- column split: its split: train or test · no unit · test
-- column label: its label in the split set · no unit · A
-- column probability: probability of its own split, by a model that has not seen it, where both are as likely · share · 0.93
-- column auc: how well the two are told apart, of all images that were judged: 0.5 by chance, 1 wholly; the mean over the folds · share · 0.62
-- column low: lower end of its 95 % interval · share · 0.6
-- column high: its upper end · share · 0.64
-- column images: images that were judged · images · 60000
-- column folds: folds of the cross-validation · folds · 5
-- column seed: seed of the folds and draws · no unit · 0
-- column radius: up to which distance copies were kept in one fold; null where only equal images were · pixels scaled to [0, 1] · 1.0
-- column run_id: run that found it · no unit · 20110908T120000Z-0123456789
--
-- The area under the curve is that of the whole split set, and the same in each of its rows. 100 images
-- of each split are kept.
with made as (
    select distinct
        telling_image.run_id,
        telling_image.split_set,
        telling_image.version,
        run.sequence
    from stored_telling_image as telling_image
    inner join run on run.run_id = telling_image.run_id
    left join split_set
        on split_set.split_set = telling_image.split_set
        and split_set.version = telling_image.version
    where telling_image.version = 0 or split_set.is_current
),

newest as (
    select
        made.split_set,
        max(made.sequence) as sequence
    from made
    group by made.split_set
)

select
    telling_image.split_set,
    telling_image.version,
    telling_image.image_id,
    telling_image.split,
    telling_image.label,
    telling_image.probability,
    telling_image.auc,
    telling_image.low,
    telling_image.high,
    telling_image.images,
    telling_image.folds,
    telling_image.seed,
    telling_image.radius,
    telling_image.run_id
from stored_telling_image as telling_image
inner join made on made.run_id = telling_image.run_id
inner join newest
    on newest.split_set = made.split_set
    and newest.sequence = made.sequence
