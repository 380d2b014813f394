-- title: One row a baseline that was run
-- column run_id: the run · no unit · 20110908T120000Z-0123456789
-- column split_set: split set whose train was trained on · no unit · clean
-- column version: its version; 0 for ingest · no unit · 1
-- column model: logistic or liblinear-ovr · no unit · logistic
-- column is_newest: the newest of its split set's current version and its model, which views score, leak_price and prediction show · no unit · true
select
    made.run_id,
    made.split_set,
    made.version,
    made.model,
    made.is_current and row_number() over (
        partition by made.split_set, made.model, made.is_current
        order by made.sequence desc
    ) = 1 as is_newest
from (
    select
        score.run_id,
        score.split_set,
        score.version,
        score.model,
        run.sequence,
        score.version = 0 or coalesce(split_set.is_current, false) as is_current
    from (
        select distinct
            stored_score.run_id,
            stored_score.split_set,
            stored_score.version,
            stored_score.model
        from stored_score
    ) as score
    inner join run on run.run_id = score.run_id
    left join split_set
        on split_set.split_set = score.split_set
        and split_set.version = score.version
) as made
