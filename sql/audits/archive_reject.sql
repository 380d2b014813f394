-- title: Members of the sources that could not be stored
-- grain: member
-- severity: info
-- tolerance: 0
-- total: select coalesce(cast(sum(ledger.seen) as bigint), 0) from ledger
-- next: sql reject_reasons
-- why: They are no images here, so counts differ from those of the files.
-- do: Usually nothing: published archives have a few broken files. Many of one reason mean that an option of `ingest` is wanted (`--shape`, `--to-grey`).
--
-- One row a reject, with the reason.
select
    reject.source,
    reject.path,
    reject.label,
    reject.reason,
    reject.detail
from reject
order by reject.source, reject.path, reject.position
