-- title: Accuracies of the newest baseline of each split set and model
-- column split_set: split set whose train was trained on · no unit · clean
-- column version: its version; 0 for ingest · no unit · 1
-- column digest: its digest; null for ingest · hex · 76b2ef7ccc56452964780569db37b279c9cbe1bf442c3b38be784752683b3cec
-- column model: logistic or liblinear-ovr · no unit · logistic
-- column size: training images · images · 1000
-- column seed: seed of the draws · no unit · 0
-- column repeat: number of the draw of this size, from 0 · no unit · 0
-- column eval_set: split set of the evaluated images: its own, or that of --versus · no unit · clean
-- column eval_split: split they stand in: valid or test · no unit · test
-- column subset: raw (all), clean (no copy in train), leaked_exact, or leaked_near (near copies only) · no unit · clean
-- column radius: up to which distance copies count as near; null where near copies were not known · pixels scaled to [0, 1] · 1.0
-- column n: images evaluated · images · 1000
-- column correct: of them, those whose label was predicted · images · 874
-- column accuracy: correct / n · share · 0.874
-- column low: lower end of accuracy's 95 % Wilson interval · share · 0.852
-- column high: its upper end · share · 0.893
-- column iterations: steps that the solver took; of several solvers the most · steps · 100
-- column converged: false where it stopped at its limit · no unit · false
-- column seconds: time to train the model · seconds · 1.2
-- column run_id: run that measured it · no unit · 20110908T120000Z-0123456789
--
-- A split set that was replaced or extended since shows nothing until it has a baseline of its own.
-- Where radius is null, clean means without an exact copy. A subset without images has no row.
select
    score.split_set,
    score.version,
    score.digest,
    score.model,
    score.size,
    score.seed,
    score.repeat,
    score.eval_set,
    score.eval_split,
    score.subset,
    score.radius,
    score.n,
    score.correct,
    score.accuracy,
    score.low,
    score.high,
    score.iterations,
    score.converged,
    score.seconds,
    score.run_id
from stored_score as score
inner join baseline_run
    on baseline_run.run_id = score.run_id
    and baseline_run.split_set = score.split_set
    and baseline_run.is_newest
