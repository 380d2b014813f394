-- title: What leaks add to the accuracies of the newest baseline of each split set and model
-- column split_set: split set whose train was trained on · no unit · clean
-- column version: its version; 0 for ingest · no unit · 1
-- column digest: its digest; null for ingest · hex · 76b2ef7ccc56452964780569db37b279c9cbe1bf442c3b38be784752683b3cec
-- column model: logistic or liblinear-ovr · no unit · logistic
-- column size: training images · images · 1000
-- column seed: seed of the draws and of the bootstrap · no unit · 0
-- column repeats: models that the accuracies are averaged over · models · 5
-- column eval_set: split set of the evaluated images · no unit · clean
-- column eval_split: split they stand in: valid or test · no unit · test
-- column versus_set: split set of the images they are compared with: the same, or that of --versus · no unit · clean
-- column versus_subset: which of these: clean of the same split set, raw of another · no unit · clean
-- column radius: up to which distance copies count as near; null where near copies were not known · pixels scaled to [0, 1] · 1.0
-- column n: images of eval_set's split · images · 1000
-- column versus_n: images they are compared with · images · 953
-- column accuracy: accuracy on the n images · share · 0.874
-- column versus_accuracy: accuracy on the others · share · 0.871
-- column points: accuracy less versus_accuracy: what leaks add · percentage points · 0.3
-- column low: lower end of its 95 % interval · percentage points · 0.1
-- column high: its upper end · percentage points · 0.5
-- column resamples: resamples of the paired bootstrap over images · resamples · 1000
-- column run_id: run that measured it · no unit · 20110908T120000Z-0123456789
--
-- Both accuracies are of the same models. The interval says how much the difference would vary with
-- other evaluation images; that other training images were drawn is averaged over, not in it.
select
    leak_price.split_set,
    leak_price.version,
    leak_price.digest,
    leak_price.model,
    leak_price.size,
    leak_price.seed,
    leak_price.repeats,
    leak_price.eval_set,
    leak_price.eval_split,
    leak_price.versus_set,
    leak_price.versus_subset,
    leak_price.radius,
    leak_price.n,
    leak_price.versus_n,
    leak_price.accuracy,
    leak_price.versus_accuracy,
    leak_price.points,
    leak_price.low,
    leak_price.high,
    leak_price.resamples,
    leak_price.run_id
from stored_leak_price as leak_price
inner join baseline_run
    on baseline_run.run_id = leak_price.run_id
    and baseline_run.split_set = leak_price.split_set
    and baseline_run.is_newest
