-- title: Which ingest runs derived tables know: what is not listed, they are stale on
-- column evidence: pair: the current near-duplicates run; suspect: the newest searches for suspects · no unit · pair
-- column image_run: an ingest run whose images it compared, or looked at · no unit · 20110908T120000Z-0123456789
-- column run_id: run that derived it · no unit · 20110908T130000Z-0123456789
select
    'pair' as evidence,
    run_input.input_run as image_run,
    radius_join.run_id
from radius_join
inner join run_input on run_input.run_id = radius_join.run_id and run_input.role = 'image'
where radius_join.is_current
union all
select
    'suspect' as evidence,
    run_input.input_run as image_run,
    suspect_search.run_id
from suspect_search
inner join run_input on run_input.run_id = suspect_search.run_id and run_input.role = 'image'
where suspect_search.is_newest
