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
left join label on label.label = ledger.label
group by ledger.source, ledger.label, label.label_id
order by ledger.source, label.label_id nulls last, ledger.label nulls last
