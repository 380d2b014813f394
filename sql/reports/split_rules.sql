-- title: Images that each ingest put into each split, and by which rule
-- grain: source, split, rule
--
-- Rules: option (--split), folder, name (of the archive, file or array), column, published (the rule of a
-- published archive), and hash, which places images by their pixels with the store's shares.
select
    placed.source,
    placed.split,
    placed.split_rule,
    cast(sum(placed.images) as bigint) as images
from (
    select ledger.source, 'train' as split, 0 as place, ledger.split_rule, ledger.train as images
    from ledger
    union all
    select ledger.source, 'valid' as split, 1 as place, ledger.split_rule, ledger.valid as images
    from ledger
    union all
    select ledger.source, 'test' as split, 2 as place, ledger.split_rule, ledger.test as images
    from ledger
    union all
    select ledger.source, 'unused' as split, 3 as place, ledger.split_rule, ledger.unused as images
    from ledger
) as placed
group by placed.source, placed.split, placed.place, placed.split_rule
having sum(placed.images) > 0
order by placed.source, placed.place, placed.split_rule
