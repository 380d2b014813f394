-- title: One row a check of the pairs by an independent method: every picture against every other, by matrix products
-- column run_id: run that checked them: the search itself, or `certify` · no unit · 20110908T130000Z-0123456789
-- column is_current: its pairs are those of view pair now, and its split set's version is the current one · no unit · true
-- column join_run: near-duplicates run whose pairs were checked · no unit · 20110908T130000Z-0123456789
-- column split_set: split set whose evaluation images were checked; null for pictures of the whole store · no unit · clean
-- column version: version of the split set; 0 for ingest · no unit · 1
-- column digest: digest of the split set; null for ingest · hex · 76b2ef7ccc56452964780569db37b279c9cbe1bf442c3b38be784752683b3cec
-- column radius: radius of the search · pixels scaled to [0, 1] · 2.0
-- column threshold: greatest squared distance within the radius · 8-bit values squared · 260100
-- column transforms: transforms that the pictures were compared under, in words · no unit · shift1
-- column method: exhaustive: all that is to be compared was; sample: pictures drawn at random, against all · no unit · exhaustive
-- column left_images: pictures that were compared with others: those of test and valid, or the sample · pictures · 10000
-- column right_images: pictures they were compared with · pictures · 200000
-- column compared: comparisons made · comparisons · 2000000000
-- column pairs: pairs that the check found within the radius · pairs · 3127
-- column missed: those of them that the search has not; must be 0 · pairs · 0
-- column wrong: pairs of the search that are none, or lie at another distance; must be 0 · pairs · 0
-- column bound: exhaustive: share of missed pairs; sample: its upper 95 % bound, as if pairs had been drawn one by one (Clopper and Pearson) · share · 0.0
-- column seed: seed of the sample · no unit · 0
-- column a: first image of a pair that was missed or is wrong · no unit · 3205438726766297100
-- column b: the second · no unit · 3205438726766297105
--
-- Of a split set: pictures of test against those of train and valid, pictures of valid against those
-- of train. Images of equal pixels are one picture. After another search, or another version of the
-- split set, a certificate says nothing about what is current.
select
    certificate.run_id,
    coalesce(radius_join.is_current, false)
    and (
        certificate.split_set is null
        or certificate.split_set = 'ingest'
        or split_set.is_current is not null
    ) as is_current,
    certificate.join_run,
    certificate.split_set,
    certificate.version,
    certificate.digest,
    certificate.radius,
    certificate.threshold,
    certificate.transforms,
    certificate.method,
    certificate.left_images,
    certificate.right_images,
    certificate.compared,
    certificate.pairs,
    certificate.missed,
    certificate.wrong,
    certificate.bound,
    certificate.seed,
    certificate.a,
    certificate.b
from stored_certificate as certificate
left join radius_join on radius_join.run_id = certificate.join_run
left join split_set
    on split_set.split_set = certificate.split_set
    and split_set.version = certificate.version
    and split_set.digest = certificate.digest
    and split_set.is_current
