-- title: Labels that look alike
-- grain: label
-- severity: should
-- tolerance: 0
-- total: select count(*) from label
-- next: sql label_counts
-- why: One class under two spellings is learnt as two, and each counts the other's images as errors.
-- do: Make one of them the other, `decide --sql "select image_id from image where label = 'a'" --action relabel --value A`, or drop what is no class.
--
-- Labels that are equal but for case, Unicode form (é as one letter or as two) or blanks, each with the
-- first of those it looks like. `utf8` has its bytes in hexadecimal digits, where eyes see no difference.
select
    alike.label,
    alike.first_label as alike_label,
    alike.images,
    hex(encode(alike.label)) as utf8
from (
    select
        label.label,
        label.label_id,
        label.images,
        count(*) over (partition by bare.word) as labels,
        first_value(label.label) over (
            partition by bare.word
            order by label.images desc, label.label_id
        ) as first_label
    from label
    inner join (
        select
            label.label,
            lower(nfc_normalize(regexp_replace(label.label, '[\s\p{Z}]+', '', 'g'))) as word
        from label
    ) as bare on bare.label = label.label
) as alike
where alike.labels > 1
order by alike.first_label, alike.label_id
