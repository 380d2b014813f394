-- title: Decisions that count, as `decide` takes them
-- grain: decision
--
-- `sql decisions --format csv -o decisions.csv` keeps them; `decide decisions.csv` applies them to
-- another store, by pixel_hash. View decision has all of them, with when and by whom.
select
    decision.image_id,
    decision.pixel_hash,
    decision.action,
    decision.value,
    decision.note
from decision
inner join run on run.run_id = decision.run_id
where decision.is_current
order by run.sequence, decision.place
