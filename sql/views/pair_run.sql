-- title: Near-duplicates runs whose pairs and groups count: the current one and those it added to
-- column run_id: the run · no unit · 20110908T130000Z-0123456789
select run_input.input_run as run_id
from radius_join
inner join run_input on run_input.run_id = radius_join.run_id and run_input.role = 'pair'
where radius_join.is_current
