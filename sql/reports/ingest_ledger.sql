-- title: What became of every member, by source and label
-- grain: source, label
--
-- Seen = stored + rejected + ignored, in every row; the ingest checks it before it commits.
select
    ledger.source,
    ledger.label,
    cast(sum(ledger.seen) as bigint) as seen,
    cast(sum(ledger.stored) as bigint) as stored,
    cast(sum(ledger.rejected) as bigint) as rejected,
    cast(sum(ledger.ignored) as bigint) as ignored
from ledger
group by ledger.source, ledger.label
order by ledger.source, ledger.label nulls last
