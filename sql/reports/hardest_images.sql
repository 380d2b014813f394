-- title: Evaluation images whose label the largest baseline finds least likely
-- grain: image
-- param split_set: split_set = ingest
-- param eval_split: string = test
-- param model: string = logistic
-- param most: int = 100
--
-- The hardest first. Many are no letters, or letters under a wrong label: `peek --sql` shows them.
select
    hard.image_id,
    hard.label,
    hard.predicted,
    hard.self_confidence,
    hard.confidence,
    hard.subset
from (
    select
        prediction.image_id,
        prediction.label,
        prediction.predicted,
        prediction.self_confidence,
        prediction.confidence,
        prediction.subset,
        row_number() over (
            order by
                prediction.self_confidence,
                prediction.confidence desc,
                prediction.image_id
        ) as rank
    from prediction
    where prediction.split_set = $split_set
        and prediction.eval_split = $eval_split
        and prediction.model = $model
) as hard
where hard.rank <= $most
order by hard.rank
