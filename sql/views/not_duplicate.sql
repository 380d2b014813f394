-- title: Pairs of pictures that were decided to be no duplicates
-- column a: pixel_hash of the first, by code point · hex · 1f9a56d3014798d86001c324468d4901
-- column b: pixel_hash of the second; null: the first is no duplicate of any other picture · hex · 99aa06d3014798d86001c324468d497f
--
-- View pair leaves them out. Equal pixels are one picture, so decisions never part them.
select distinct
    case when decision.value < decision.pixel_hash then decision.value else decision.pixel_hash end as a,
    case when decision.value < decision.pixel_hash then decision.pixel_hash else decision.value end as b
from decision
where decision.action = 'not_duplicate' and decision.is_current
