-- title: Labels that are likely wrong, the likeliest errors first
-- grain: image
-- param split_set: split_set = ingest
--
-- Found by the command suspects: confident learning over cross-validation. Images that were dropped,
-- relabelled or said to keep since are not listed.
select
    suspect.image_id,
    suspect.label,
    suspect.suggested_label,
    suspect.self_confidence,
    suspect.margin,
    image.source,
    image.path
from suspect
inner join image on image.image_id = suspect.image_id
where suspect.split_set = $split_set and image.decision is null
order by suspect.margin, suspect.image_id
