-- title: The store's labels in their order
-- column label: the label, as in the sources · no unit · A
-- column label_id: position in the sorted labels, from 0 · no unit · 0
-- column images: stored images of this label · images · 1000
--
-- Labels that are all integers are sorted as numbers, others by code point. Only labels that have
-- at least one stored image are listed.
select
    label,
    row_number() over (
        order by
            case when all_integers then cast(label as hugeint) end,
            label
    ) - 1 as label_id,
    images
from (
    select
        label,
        cast(sum(stored) as bigint) as images,
        bool_and(regexp_full_match(label, '-?[0-9]{1,18}')) over () as all_integers
    from stored_ledger
    where label is not null
    group by label
    having sum(stored) > 0
)
