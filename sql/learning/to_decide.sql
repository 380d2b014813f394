-- title: Suspect labels of one run as decisions to relabel, the likeliest errors first
-- param run_id: string
--
-- Probabilities have three decimals, and more where those would make them 0 or 1.
with told as (
    select
        image_id, label, suggested_label, margin,
        round(self_confidence, case when self_confidence between 0.0005 and 0.9995 then 3 else 9 end) as likely,
        round(margin, case when abs(margin) between 0.0005 and 0.9995 then 3 else 9 end) as shown_margin
    from stored_suspect
    where run_id = $run_id
)

select
    told.image_id,
    'relabel' as action,
    told.suggested_label as value,
    'suspects: ' || told.label || ' is ' || told.likely || ' likely, margin ' || told.shown_margin as note
from told
order by told.margin, told.image_id
