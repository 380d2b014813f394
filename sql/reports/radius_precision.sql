-- title: Which radius means a copy: how many pairs people judged copies, by distance
-- grain: range of distances
-- param transforms: transforms = none
-- param width: float = 0.1
--
-- Ranges of `width`, from `distance` on. `pairs` is how many pairs the search has there; of the
-- `judged` ones `copies`, `nearly` and `different` are what people said in `review`. `precision` is
-- the share of copies, `low` and `high` Wilson's 95 % bounds. `within_precision` is that share of
-- all pairs up to the end of the range, each range by its number of pairs, with its interval (Wilson's,
-- at the number of pairs drawn at random that would tell as much); null where a range before the end
-- has pairs and none was judged.
with known as (
    select
        cast(floor(near_pair.distance / $width) as bigint) as part,
        count(*) as pairs
    from near_pair
    where near_pair.transforms = $transforms
    group by cast(floor(near_pair.distance / $width) as bigint)
),

said as (
    select
        cast(floor(verdict.distance / $width) as bigint) as part,
        count(*) as judged,
        count(case when verdict.judgement = 'copy' then 1 end) as copies,
        count(case when verdict.judgement = 'nearly' then 1 end) as nearly,
        count(case when verdict.judgement = 'different' then 1 end) as different
    from verdict
    where verdict.transforms = $transforms and verdict.is_current
    group by cast(floor(verdict.distance / $width) as bigint)
),

counted as (
    select
        coalesce(known.part, said.part) as part,
        greatest(coalesce(known.pairs, 0), coalesce(said.judged, 0)) as pairs,
        coalesce(said.judged, 0) as judged,
        coalesce(said.copies, 0) as copies,
        coalesce(said.nearly, 0) as nearly,
        coalesce(said.different, 0) as different,
        coalesce(said.copies, 0) / (nullif(said.judged, 0) * 1.0e0) as share,
        (coalesce(said.copies, 0) + 1.0e0) / (coalesce(said.judged, 0) + 2.0e0) as likely
    from known
    full outer join said on said.part = known.part
),

added as (
    select
        counted.part,
        counted.pairs,
        counted.judged,
        counted.copies,
        counted.nearly,
        counted.different,
        counted.share,
        sum(counted.pairs) over upto * 1.0e0 as within_pairs,
        sum(counted.judged) over upto as within_judged,
        sum(1 - least(counted.judged, 1)) over upto as unjudged,
        sum(counted.pairs * counted.share) over upto as within_copies,
        sum(counted.pairs * counted.likely) over upto as within_likely,
        sum(
            counted.pairs * 1.0e0 * counted.pairs * counted.likely * (1 - counted.likely)
            / nullif(counted.judged, 0)
        ) over upto as within_spread
    from counted
    window upto as (order by counted.part rows between unbounded preceding and current row)
),

weighed as (
    select
        added.part,
        added.pairs,
        added.judged,
        added.copies,
        added.nearly,
        added.different,
        added.share,
        nullif(added.judged, 0) * 1.0e0 as n,
        cast(added.within_judged as bigint) as within_judged,
        case
            when added.unjudged = 0 then least(added.within_copies / added.within_pairs, 1.0e0)
        end as within_share,
        added.within_likely * (added.within_pairs - added.within_likely) / added.within_spread
        as within_n
    from added
),

bounds as (
    select
        weighed.part,
        (weighed.share + 1.920729e0 / weighed.n) / (1 + 3.841459e0 / weighed.n) as middle,
        1.959964e0 * sqrt(
            weighed.share * (1 - weighed.share) / weighed.n + 0.960365e0 / pow(weighed.n, 2)
        ) / (1 + 3.841459e0 / weighed.n) as half,
        (weighed.within_share + 1.920729e0 / weighed.within_n)
        / (1 + 3.841459e0 / weighed.within_n) as within_middle,
        1.959964e0 * sqrt(
            weighed.within_share * (1 - weighed.within_share) / weighed.within_n
            + 0.960365e0 / pow(weighed.within_n, 2)
        ) / (1 + 3.841459e0 / weighed.within_n) as within_half
    from weighed
)

select
    weighed.part * $width as distance,
    weighed.pairs,
    weighed.judged,
    weighed.copies,
    weighed.nearly,
    weighed.different,
    weighed.share as precision,
    case
        when weighed.judged > 0
        then greatest(0.0e0, least(weighed.share, bounds.middle - bounds.half))
    end as low,
    case
        when weighed.judged > 0
        then least(1.0e0, greatest(weighed.share, bounds.middle + bounds.half))
    end as high,
    (weighed.part + 1) * $width as within,
    weighed.within_judged,
    weighed.within_share as within_precision,
    case
        when weighed.within_share is not null
        then greatest(0.0e0, least(weighed.within_share, bounds.within_middle - bounds.within_half))
    end as within_low,
    case
        when weighed.within_share is not null
        then least(1.0e0, greatest(weighed.within_share, bounds.within_middle + bounds.within_half))
    end as within_high
from weighed
inner join bounds on bounds.part = weighed.part
order by weighed.part
