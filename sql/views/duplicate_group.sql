-- title: One row a group of images that are copies or near copies of each other
-- column kind: exact, near or moved, as in view duplicate_image · no unit · exact
-- column group_id: its representative, as in view duplicate_image · no unit · 3205438726766297100
-- column images: images in it, two at least · images · 141
-- column labels: different labels of its images · labels · 1
-- column first_label: first of them by code point · no unit · I
-- column last_label: last of them · no unit · I
-- column transforms: of kind moved the transforms, in words, as in view duplicate_image; else none · no unit · none
select
    duplicate_image.kind,
    duplicate_image.group_id,
    count(*) as images,
    count(distinct duplicate_image.label) as labels,
    min(duplicate_image.label) as first_label,
    max(duplicate_image.label) as last_label,
    duplicate_image.transforms
from duplicate_image
group by duplicate_image.kind, duplicate_image.transforms, duplicate_image.group_id
