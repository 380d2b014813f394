-- title: Which ingest runs derived tables know: what is not listed, they are stale on
-- column evidence: pair: the current near-duplicates run · no unit · pair
-- column image_run: an ingest run whose images it compared · no unit · 20110908T120000Z-0123456789
-- column run_id: run that derived it · no unit · 20110908T130000Z-0123456789
select
    'pair' as evidence,
    run.run_id as image_run,
    radius_join.run_id
from radius_join
inner join run on radius_join.image_runs like '%"' || run.run_id || '"%'
where radius_join.is_current
