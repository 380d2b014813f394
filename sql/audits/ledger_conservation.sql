-- title: Members that were seen but neither stored, rejected nor ignored
-- grain: run, label
-- severity: must
-- tolerance: 0
-- total: select count(*) from ledger
-- next: verify --full
-- why: An image that vanishes without a trace makes every count of the store wrong.
-- do: Look for damaged files with `verify --full`; if there are any, ingest the source into a new store.
--
-- The ledger's rows in which seen is not stored + rejected + ignored, in which the images or the
-- rejects in the tables are not as many as the ledger says, or which are not there at all.
select
    counted.source,
    counted.label,
    cast(sum(counted.seen) as bigint) as seen,
    cast(sum(counted.stored) as bigint) as stored,
    cast(sum(counted.rejected) as bigint) as rejected,
    cast(sum(counted.ignored) as bigint) as ignored,
    cast(sum(counted.images) as bigint) as images,
    cast(sum(counted.rejects) as bigint) as rejects
from (
    select
        ledger.run_id,
        ledger.source,
        ledger.label,
        ledger.seen,
        ledger.stored,
        ledger.rejected,
        ledger.ignored,
        0 as images,
        0 as rejects
    from ledger
    union all
    select
        image.run_id,
        image.source,
        image.label_ingested as label,
        0 as seen,
        0 as stored,
        0 as rejected,
        0 as ignored,
        count(*) as images,
        0 as rejects
    from image
    group by image.run_id, image.source, image.label_ingested
    union all
    select
        reject.run_id,
        reject.source,
        reject.label,
        0 as seen,
        0 as stored,
        0 as rejected,
        0 as ignored,
        0 as images,
        count(*) as rejects
    from reject
    group by reject.run_id, reject.source, reject.label
) as counted
group by counted.run_id, counted.source, counted.label
having sum(counted.seen) <> sum(counted.stored) + sum(counted.rejected) + sum(counted.ignored)
    or sum(counted.stored) <> sum(counted.images)
    or sum(counted.rejected) <> sum(counted.rejects)
order by counted.source, counted.label nulls last, counted.run_id
