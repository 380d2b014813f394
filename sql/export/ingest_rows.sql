-- title: The lines of the digest of split set ingest, in order
select split, label, pixel_hash
from image
where split <> 'unused' and not is_dropped
order by case split when 'train' then 0 when 'valid' then 1 else 2 end, image_id
