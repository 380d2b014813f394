-- title: One row a search for suspect labels
-- column run_id: the run · no unit · 20110908T120000Z-0123456789
-- column split_set: split set whose train, valid and test were looked at · no unit · clean
-- column version: its version; 0 for ingest · no unit · 1
-- column digest: its digest; null for ingest · hex · 76b2ef7ccc56452964780569db37b279c9cbe1bf442c3b38be784752683b3cec
-- column is_newest: the newest of its split set's current version, which views suspect and outlier show · no unit · true
-- column folds: folds of the cross-validation · folds · 5
-- column seed: seed of the folds and draws · no unit · 0
-- column radius: up to which distance copies were kept in one fold; null where only equal images were · pixels scaled to [0, 1] · 1.0
-- column image_runs: ingest runs whose images were looked at, as JSON · no unit · ["20110908T120000Z-0123456789"]
-- column images: images looked at · images · 10000
-- column judged: of them, those whose label a model of another fold knows · images · 10000
-- column trained: most images that a model was trained on · images · 8000
-- column suspects: rows in view suspect · images · 214
-- column accuracy: share of the judged images whose label is the likeliest · share · 0.9
select
    search.run_id,
    search.split_set,
    search.version,
    search.digest,
    search.is_current and row_number() over (
        partition by search.split_set, search.is_current
        order by search.sequence desc
    ) = 1 as is_newest,
    search.folds,
    search.seed,
    search.radius,
    made_from.image_runs,
    search.images,
    search.judged,
    search.trained,
    search.suspects,
    search.accuracy
from (
    select
        suspect_search.run_id,
        suspect_search.split_set,
        suspect_search.version,
        suspect_search.digest,
        suspect_search.folds,
        suspect_search.seed,
        suspect_search.radius,
        suspect_search.images,
        suspect_search.judged,
        suspect_search.trained,
        suspect_search.suspects,
        suspect_search.accuracy,
        run.sequence,
        suspect_search.version = 0 or coalesce(split_set.is_current, false) as is_current
    from stored_suspect_search as suspect_search
    inner join run on run.run_id = suspect_search.run_id
    left join split_set
        on split_set.split_set = suspect_search.split_set
        and split_set.version = suspect_search.version
) as search
inner join inputs_of_run as made_from on made_from.run_id = search.run_id
