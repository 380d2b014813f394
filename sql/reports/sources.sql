-- title: Sources in the store, with their images and labels
-- grain: source
select
    ledger.source,
    cast(sum(ledger.stored) as bigint) as images,
    count(distinct case when ledger.stored > 0 then ledger.label end) as labels,
    min(run.source_sha256) as source_sha256,
    min(run.source_bytes) as source_bytes,
    min(run.sequence) as sequence
from ledger
inner join run on run.run_id = ledger.run_id
group by ledger.source
order by sequence
