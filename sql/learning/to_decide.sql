-- title: Suspect labels of one run as decisions to relabel, the likeliest errors first
-- param run_id: string
select
    suspect.image_id,
    'relabel' as action,
    suspect.suggested_label as value,
    'suspects: ' || suspect.label || ' is ' || round(suspect.self_confidence, 3)
        || ' likely, margin ' || round(suspect.margin, 3) as note
from stored_suspect as suspect
where suspect.run_id = $run_id
order by suspect.margin, suspect.image_id
