-- title: What people said of pairs of near copies in `review`: copy, nearly, different
-- column run_id: run that stored it · no unit · 20110908T120000Z-0123456789
-- column place: place among the verdicts of the run, from 0 · no unit · 0
-- column image_id: the picture, as in view image · no unit · 3205438726766297105
-- column twin_id: the other one · no unit · 3205438726766297100
-- column transforms: transforms under which they were compared, in words · no unit · none
-- column transform: the one that brings them nearest: b: moves the twin, a: the picture · no unit · b:shift(0,1)
-- column squared_distance: sum of the squared differences of their pixels, so moved · 8-bit values squared · 65025
-- column distance: their distance · pixels scaled to [0, 1] · 1.0
-- column judgement: copy, nearly or different · no unit · copy
-- column judged_by: who said so · no unit · ada
-- column judged_at: when it was stored (UTC) · no unit · 2011-09-08 12:00:00+00
-- column is_current: whether it is the last word on this pair under these transforms · no unit · true
--
-- They decide nothing: they say which radius means a copy, see report radius_precision.
select
    verdict.run_id,
    verdict.place,
    verdict.image_id,
    verdict.twin_id,
    verdict.transforms,
    verdict.transform,
    verdict.squared_distance,
    sqrt(verdict.squared_distance / 65025.0e0) as distance,
    verdict.judgement,
    verdict.judged_by,
    verdict.judged_at,
    row_number() over (
        partition by
            least(verdict.image_id, verdict.twin_id),
            greatest(verdict.image_id, verdict.twin_id),
            verdict.transforms
        order by run.sequence desc, verdict.place desc
    ) = 1 as is_current
from stored_verdict as verdict
inner join stored_run as run on run.run_id = verdict.run_id
