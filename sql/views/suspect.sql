-- title: Labels that are likely wrong, by the newest search of each split set
-- column split_set: split set that was looked at · no unit · clean
-- column version: its version; 0 for ingest · no unit · 1
-- column image_id: id, as in view image · no unit · 3205438726766297100
-- column label: its label in the split set · no unit · A
-- column suggested_label: the label it is confidently counted in instead · no unit · H
-- column self_confidence: probability of its label, by a model that has not seen it · share · 0.04
-- column margin: self_confidence less the largest probability of another label; the least is the likeliest error · share · -0.87
-- column run_id: run that found it · no unit · 20110908T120000Z-0123456789
select
    suspect.split_set,
    suspect.version,
    suspect.image_id,
    suspect.label,
    suspect.suggested_label,
    suspect.self_confidence,
    suspect.margin,
    suspect.run_id
from stored_suspect as suspect
inner join suspect_search
    on suspect_search.run_id = suspect.run_id
    and suspect_search.split_set = suspect.split_set
    and suspect_search.is_newest
