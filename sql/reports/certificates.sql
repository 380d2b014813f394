-- title: Checks of the search for near copies that hold for a split set
-- grain: certificate
-- param split_set: split_set = ingest
--
-- Those of the pairs that count now: of samples of the whole store, and of the split set itself.
-- `missed` and `wrong` must be 0; `bound` is the greatest share of missed pairs they leave possible.
select
    certificate.split_set,
    certificate.method,
    certificate.radius,
    certificate.transforms,
    certificate.left_images,
    certificate.right_images,
    certificate.compared,
    certificate.pairs,
    certificate.missed,
    certificate.wrong,
    certificate.bound
from certificate
where certificate.is_current
    and (certificate.split_set is null or certificate.split_set = $split_set)
order by
    certificate.split_set nulls last,
    certificate.method,
    certificate.compared desc,
    certificate.run_id
