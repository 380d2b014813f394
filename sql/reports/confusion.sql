-- title: Which labels the largest baseline takes for which
-- grain: label, predicted label
-- param split_set: split_set = ingest
-- param eval_split: string = test
-- param model: string = logistic
--
-- `share` is of the label's images. Pairs that do not occur are left out.
select
    prediction.label,
    prediction.predicted,
    count(*) as images,
    count(*) / sum(count(*)) over (partition by prediction.label) as share,
    prediction.label = prediction.predicted as is_right
from prediction
left join label on label.label = prediction.label
left join label as taken on taken.label = prediction.predicted
where prediction.split_set = $split_set
    and prediction.eval_split = $eval_split
    and prediction.model = $model
group by prediction.label, prediction.predicted, label.label_id, taken.label_id
order by
    label.label_id nulls last,
    prediction.label,
    images desc,
    taken.label_id nulls last,
    prediction.predicted
