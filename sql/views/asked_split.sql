-- title: Splits that a split set is to have
-- column split_set: name of the split set · no unit · clean
-- column split: train, valid or test · no unit · test
--
-- Those that it was asked for with a count or share above 0; a sanitized set has those of what it was
-- made from. Of `ingest` those that its sources name (by option, folder, name of a file, or column);
-- a source that names none gives those whose share of the hashes is above 0.
with word as (
    select 'train' as split
    union all
    select 'valid' as split
    union all
    select 'test' as split
),

made as (
    select
        split_set.split_set,
        split_set.recipe,
        word.split,
        json_extract_string(split_set.arguments, '$.asked') as of_base,
        json_extract_string(split_set.arguments, '$.' || word.split) as size,
        coalesce(
            json_extract_string(split_set.arguments, '$.train'),
            json_extract_string(split_set.arguments, '$.valid'),
            json_extract_string(split_set.arguments, '$.test')
        ) is not null as has_sizes
    from split_set
    cross join word
    where split_set.is_current
)

select
    made.split_set,
    made.split
from made
where case
    when made.recipe = 'sanitize' then coalesce(contains(made.of_base, made.split), true)
    when made.size is not null then regexp_matches(made.size, '^[^/eE]*[1-9]')
    else made.recipe = 'notebook' or not made.has_sizes
end
union all
select distinct
    'ingest' as split_set,
    named.split
from (
    select
        word.split,
        ledger.split_rule,
        json_extract_string(run.arguments, '$.fractions.' || word.split) as share,
        case word.split when 'train' then ledger.train when 'valid' then ledger.valid else ledger.test end as images
    from ledger
    inner join run on run.run_id = ledger.run_id
    cross join word
    where ledger.label is not null and ledger.stored > 0
) as named
where case
    when named.split_rule in ('hash', 'published') and named.share is not null
        then regexp_matches(named.share, '^[^/eE]*[1-9]')
    else named.images > 0
end
