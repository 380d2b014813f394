-- title: Accuracy of the baselines by training size, evaluation split and subset
-- grain: model, size, evaluated split set, evaluation split, subset
-- param split_set: split_set = ingest
--
-- Averages over the repeats of a size: accuracy, and the ends of the Wilson intervals. `least` and
-- `greatest` are the accuracies of single repeats. View score has every model.
select
    score.model,
    score.size,
    score.eval_set,
    score.eval_split,
    score.subset,
    score.radius,
    count(*) as repeats,
    max(score.n) as n,
    avg(score.accuracy) as accuracy,
    avg(score.low) as low,
    avg(score.high) as high,
    min(score.accuracy) as least,
    max(score.accuracy) as greatest,
    bool_and(score.converged) as converged,
    avg(score.seconds) as seconds
from score
where score.split_set = $split_set
group by
    score.model,
    score.size,
    score.eval_set,
    score.eval_split,
    score.subset,
    score.radius
order by
    score.model,
    score.eval_set <> $split_set,
    score.eval_set,
    case score.eval_split when 'valid' then 0 else 1 end,
    score.size,
    case score.subset when 'raw' then 0 when 'clean' then 1 when 'leaked_exact' then 2 else 3 end
