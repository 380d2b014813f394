-- title: Which ingest runs derived tables know: what is not listed, they are stale on
-- column evidence: pair: the current near-duplicates run and those it added to; suspect: the newest searches for suspects · no unit · pair
-- column split_set: of evidence pair the split set, in its current version, across whose splits pictures were compared; null: all were, with all · no unit · clean
-- column image_run: an ingest run whose images it compared, or looked at · no unit · 20110908T120000Z-0123456789
-- column run_id: run that derived it, the newest of several · no unit · 20110908T130000Z-0123456789
--
-- What pairs of all pictures are asked for needs a null split set; what asks for pairs across the
-- splits of one set needs that, or its name. A split set is known by its digest: a next version is
-- not covered, unless it has the same pictures in the same splits.
with searched as (
    select
        radius_join.run_id,
        radius_join.split_set,
        radius_join.digest
    from radius_join
    inner join pair_run on pair_run.run_id = radius_join.run_id
),

covered as (
    select
        searched.run_id,
        searched.split_set
    from searched
    where searched.digest is null
    union all
    select
        searched.run_id,
        split_set.split_set
    from searched
    inner join split_set on split_set.digest = searched.digest and split_set.is_current
)

select
    'pair' as evidence,
    covered.split_set,
    run_input.input_run as image_run,
    arg_max(covered.run_id, run.sequence) as run_id
from covered
inner join run on run.run_id = covered.run_id
inner join run_input on run_input.run_id = covered.run_id and run_input.role = 'image'
group by covered.split_set, run_input.input_run
union all
select
    'suspect' as evidence,
    cast(null as varchar) as split_set,
    run_input.input_run as image_run,
    suspect_search.run_id
from suspect_search
inner join run_input on run_input.run_id = suspect_search.run_id and run_input.role = 'image'
where suspect_search.is_newest
