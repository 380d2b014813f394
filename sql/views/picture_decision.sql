-- title: One row a picture that was dropped, relabelled or said to keep: the decision that counts
-- column pixel_hash: the picture · hex · 1f9a56d3014798d86001c324468d4901
-- column action: drop, relabel or keep · no unit · relabel
-- column new_label: the label after relabel, else null · no unit · B
--
-- The rows of view decision that are current, of lane picture; the views of images join this.
select
    said.pixel_hash,
    said.action,
    case when said.action = 'relabel' then said.value end as new_label
from (
    select
        decision.pixel_hash,
        decision.action,
        decision.value,
        row_number() over (
            partition by decision.pixel_hash
            order by run.sequence desc, decision.place desc
        ) as nth_last
    from stored_decision as decision
    inner join stored_run as run on run.run_id = decision.run_id
    where decision.action in ('drop', 'relabel')
        or (decision.action = 'keep' and decision.value is null)
) as said
where said.nth_last = 1
