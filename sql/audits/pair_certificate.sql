-- title: Checks of the pairs that found other pairs
-- grain: certificate
-- severity: should
-- tolerance: 0
-- needs: pair
-- total: select count(*) from certificate where certificate.is_current
-- next: certify
-- why: Leaks, groups and clean sets of near copies stand on the pairs. One that is missing is a leak that nobody sees.
-- do: Take the search back with `undo` and its run, then run `near-duplicates` again. Where that changes nothing, run `verify`.
--
-- Current certificates that disagree with the pairs, with the two images of one pair that was missed
-- or is wrong. Every search leaves a certificate of a sample; `certify --split-set
-- NAME` checks all pairs that matter for a split set.
select
    certificate.join_run,
    certificate.method,
    certificate.split_set,
    certificate.pairs,
    certificate.missed,
    certificate.wrong,
    certificate.a as image_id,
    certificate.b as twin_id
from certificate
where certificate.is_current and (certificate.missed > 0 or certificate.wrong > 0)
order by certificate.method, certificate.split_set nulls first, certificate.run_id
