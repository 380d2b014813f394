-- title: Accuracy by number of training images: raw, clean and leaked
-- grain: model, size
-- param split_set: split_set = ingest
-- param eval_split: string = test
--
-- Averages over the repeats, with the average ends of the 95 % Wilson intervals.
select
    score.model,
    score.size,
    count(distinct score.repeat) as repeats,
    avg(case when score.subset = 'raw' then score.accuracy end) as raw,
    avg(case when score.subset = 'raw' then score.low end) as raw_low,
    avg(case when score.subset = 'raw' then score.high end) as raw_high,
    avg(case when score.subset = 'clean' then score.accuracy end) as clean,
    avg(case when score.subset = 'clean' then score.low end) as clean_low,
    avg(case when score.subset = 'clean' then score.high end) as clean_high,
    avg(case when score.subset = 'leaked_exact' then score.accuracy end) as leaked_exact,
    avg(case when score.subset = 'leaked_near' then score.accuracy end) as leaked_near
from score
where score.split_set = $split_set
    and score.eval_set = $split_set
    and score.eval_split = $eval_split
group by score.model, score.size
order by score.model, score.size
