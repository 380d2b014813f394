-- title: One row a decision about a picture, with whether it still counts
-- column run_id: run that brought it · no unit · 20110908T140000Z-0123456789
-- column place: place in its run, from 0 · no unit · 0
-- column pixel_hash: the picture: the decision is about every image of these pixels · hex · 1f9a56d3014798d86001c324468d4901
-- column image_id: image it was given for, null where it was given by its pixels · no unit · 3205438726766297100
-- column action: drop, relabel, not_duplicate or keep · no unit · relabel
-- column value: relabel: the new label; not_duplicate: pixel_hash of the other picture, null for all others; keep: duplicate, or null · no unit · B
-- column note: why, in words · no unit · upside down
-- column decided_by: who decided · no unit · ada
-- column decided_at: when · UTC · 2011-09-08 14:00:00+00
-- column lane: picture or pair: what it is about; a decision of one lane never takes the place of one of the other · no unit · picture
-- column is_current: whether it counts: no later one took its place · no unit · true
--
-- Later is by the order of runs, then by place. Lane picture: of drop, relabel and keep (without a
-- value) the last one of a picture counts. Lane pair: of not_duplicate the last one of a pair counts,
-- in whichever order the pair is named, unless a later `keep` with the value `duplicate` names one of
-- the two; that `keep` counts until a later not_duplicate names its picture.
with said as (
    select
        decision.run_id,
        decision.place,
        decision.pixel_hash,
        decision.image_id,
        decision.action,
        decision.value,
        decision.note,
        decision.decided_by,
        decision.decided_at,
        case
            when decision.action = 'not_duplicate' then 'pair'
            when decision.action = 'keep' and decision.value is not null then 'pair'
            else 'picture'
        end as lane,
        case
            when decision.action = 'not_duplicate' and decision.value < decision.pixel_hash
            then decision.value
            else decision.pixel_hash
        end as first_hash,
        case
            when decision.action <> 'not_duplicate' then null
            when decision.value < decision.pixel_hash then decision.pixel_hash
            else decision.value
        end as second_hash,
        row_number() over (order by run.sequence, decision.place) as nth
    from stored_decision as decision
    inner join stored_run as run on run.run_id = decision.run_id
),

named as (
    select
        said.first_hash as pixel_hash,
        said.action,
        said.nth
    from said
    where said.lane = 'pair'
    union all
    select
        said.second_hash as pixel_hash,
        said.action,
        said.nth
    from said
    where said.second_hash is not null
),

taken_back as (
    select
        named.pixel_hash,
        max(case when named.action = 'keep' then named.nth end) as by_keep,
        max(named.nth) as by_any
    from named
    group by named.pixel_hash
)

select
    said.run_id,
    said.place,
    said.pixel_hash,
    said.image_id,
    said.action,
    said.value,
    said.note,
    said.decided_by,
    said.decided_at,
    said.lane,
    case
        when said.lane = 'picture'
        then said.nth = max(said.nth) over (partition by said.lane, said.pixel_hash)
        when said.action = 'keep' then said.nth = first_back.by_any
        else said.nth = max(said.nth) over (
            partition by said.lane, said.action, said.first_hash, said.second_hash
        )
        and said.nth > coalesce(first_back.by_keep, 0)
        and said.nth > coalesce(second_back.by_keep, 0)
    end as is_current
from said
left join taken_back as first_back
    on first_back.pixel_hash = said.first_hash and said.lane = 'pair'
left join taken_back as second_back on second_back.pixel_hash = said.second_hash
