-- title: What leaks add to accuracy, in percentage points
-- grain: model, size, evaluation split, what it is compared with
-- param split_set: split_set = ingest
--
-- `points` is accuracy on all images of the evaluation split less that on the images compared with:
-- its own clean ones, or those of the split set given as --versus; `low` and `high` are the ends of
-- its 95 % paired bootstrap interval over the evaluation images. `leaked` counts the images of the
-- split that are not among those compared with, where these are its own.
select
    leak_price.model,
    leak_price.size,
    leak_price.eval_split,
    leak_price.versus_set,
    leak_price.versus_subset,
    leak_price.radius,
    leak_price.n,
    case
        when leak_price.versus_subset = 'clean' then leak_price.n - leak_price.versus_n
    end as leaked,
    leak_price.accuracy,
    leak_price.versus_accuracy,
    leak_price.points,
    leak_price.low,
    leak_price.high,
    leak_price.repeats
from leak_price
where leak_price.split_set = $split_set
order by
    leak_price.model,
    leak_price.versus_subset,
    leak_price.versus_set,
    case leak_price.eval_split when 'valid' then 0 else 1 end,
    leak_price.size
