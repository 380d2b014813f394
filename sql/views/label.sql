-- title: The store's labels in their order
-- column label: the label, as in the sources or as decisions gave it · no unit · A
-- column label_id: the number that a source gives it; labels that none numbers follow, sorted · no unit · 0
-- column images: images of this label: as in view image, without those that were dropped · images · 1000
-- column is_numbered: whether a source gives its number · no unit · false
--
-- Labels that are all integers are sorted as numbers, others by code point. Of those that no source
-- numbers, only labels that have at least one such image are listed.
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
    counted.label,
    row_number() over (
        order by
            counted.given_id nulls last,
            case when counted.given_id is null and counted.all_integers then cast(counted.label as bigint) end,
            counted.label
    ) - 1 as label_id,
    counted.images,
    counted.given_id is not null as is_numbered
from (
    select
        part.label,
        max(part.given_id) as given_id,
        cast(sum(part.images) as bigint) as images,
        bool_and(
            max(part.given_id) is not null or regexp_matches(part.label, '^-?[0-9]{1,18}\z')
        ) over () as all_integers
    from (
        select
            stored_label_order.label,
            stored_label_order.label_id as given_id,
            0 as images
        from stored_label_order
        union all
        select
            stored_ledger.label,
            cast(null as bigint) as given_id,
            stored_ledger.stored as images
        from stored_ledger
        where stored_ledger.label is not null
        union all
        select
            moved.label,
            cast(null as bigint) as given_id,
            -moved.images as images
        from moved
        where moved.label is not null
        union all
        select
            moved.new_label as label,
            cast(null as bigint) as given_id,
            moved.images
        from moved
        where moved.new_label is not null
    ) as part
    group by part.label
    having sum(part.images) > 0 or max(part.given_id) is not null
) as counted
