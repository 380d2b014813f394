-- title: Images of one source in the order in which the notebook reads their files
-- param source: string
-- param nocase: int
--
-- By label, and within it by file name: by code point, or without regard to case.
select
    image.image_id,
    image.label
from image
where image.source = $source and not image.is_dropped
order by
    image.label_id,
    case when $nocase = 1 then lower(regexp_replace(image.path, '(?s)^.*/', '', 'g')) end,
    regexp_replace(image.path, '(?s)^.*/', '', 'g'),
    image.path
