-- title: What the largest model of the newest baseline says of each evaluation image
-- column split_set: split set whose train was trained on, and whose valid and test these are · no unit · clean
-- column version: its version; 0 for ingest · no unit · 1
-- column model: logistic or liblinear-ovr · no unit · logistic
-- column size: training images: the largest size of the run · images · 8000
-- column repeat: draw: the first one of that size · no unit · 0
-- column eval_split: split the image stands in: valid or test · no unit · test
-- column subset: clean (no copy in train), leaked_exact or leaked_near · no unit · clean
-- column image_id: id, as in view image · no unit · 3205438726766297100
-- column label: its label in the split set · no unit · A
-- column predicted: the likeliest label · no unit · H
-- column self_confidence: probability of the label · share · 0.04
-- column confidence: probability of the predicted label · share · 0.91
-- column run_id: run that predicted it · no unit · 20110908T120000Z-0123456789
select
    prediction.split_set,
    prediction.version,
    prediction.model,
    prediction.size,
    prediction.repeat,
    prediction.eval_split,
    prediction.subset,
    prediction.image_id,
    prediction.label,
    prediction.predicted,
    prediction.self_confidence,
    prediction.confidence,
    prediction.run_id
from stored_prediction as prediction
inner join baseline_run
    on baseline_run.run_id = prediction.run_id
    and baseline_run.split_set = prediction.split_set
    and baseline_run.is_newest
