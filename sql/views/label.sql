-- title: The store's labels in their order
-- column label: the label, as in the sources or as decisions gave it · no unit · A
-- column label_id: position in the sorted labels, from 0 · no unit · 0
-- column images: images of this label: as in view image, without those that were dropped · images · 1000
--
-- Labels that are all integers are sorted as numbers, others by code point. Only labels that have
-- at least one such image are listed.
with moved as (
    select
        image.label,
        decided.new_label,
        count(*) as images
    from stored_image as image
    inner join picture_decision as decided on decided.pixel_hash = image.pixel_hash
    where decided.action <> 'keep'
    group by image.label, decided.new_label
)

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
        cast(sum(images) as bigint) as images,
        bool_and(regexp_full_match(label, '-?[0-9]{1,18}')) over () as all_integers
    from (
        select
            stored_ledger.label,
            stored_ledger.stored as images
        from stored_ledger
        where stored_ledger.label is not null
        union all
        select
            moved.label,
            -moved.images as images
        from moved
        union all
        select
            moved.new_label as label,
            moved.images
        from moved
        where moved.new_label is not null
    )
    group by label
    having sum(images) > 0
)
