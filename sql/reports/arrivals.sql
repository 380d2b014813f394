-- title: What one run brought, by label, and how much of it was there already by its pixels
-- grain: label
-- param run_id: string
--
-- `known_pixels` counts the run's images whose pixels stand in an earlier run as well.
select
    ledger.source,
    ledger.label,
    ledger.seen,
    ledger.stored,
    ledger.rejected,
    ledger.ignored,
    coalesce(known.images, 0) as known_pixels
from (
    select
        ledger.run_id,
        ledger.source,
        ledger.label,
        cast(sum(ledger.seen) as bigint) as seen,
        cast(sum(ledger.stored) as bigint) as stored,
        cast(sum(ledger.rejected) as bigint) as rejected,
        cast(sum(ledger.ignored) as bigint) as ignored
    from ledger
    group by ledger.run_id, ledger.source, ledger.label
) as ledger
left join label on label.label = ledger.label
left join (
    select
        image.label_ingested as label,
        count(*) as images
    from image
    where image.run_id = $run_id and image.pixel_hash in (
        select other.pixel_hash
        from image as other
        inner join run as other_run on other_run.run_id = other.run_id
        where other_run.sequence < (select run.sequence from run where run.run_id = $run_id)
    )
    group by image.label_ingested
) as known on known.label = ledger.label
where ledger.run_id = $run_id
order by label.label_id nulls last, ledger.label nulls last
