-- title: Stratified: as many images of each class as asked for, random by seed, groups kept whole
-- param seed: string
--
-- Reads `candidate` (image_id, label, group_key, draw_key) and `quota` (label, split, low, wanted,
-- total): for each label the splits as consecutive ranges of its images. Groups of several images
-- are drawn first, spread over the ranges in proportion; one that is more than half of its split
-- goes to the largest split instead, and none overfills a split. Groups of one then fill every
-- split up exactly, or, where there are too few of them, in proportion. A group of several labels
-- belongs to the label that most of its images have. The draw has a word of its own, since order.sql
-- orders by seed and image_id: groups that are single images would else lie in the order of their draw.
with part as (
    select
        candidate.group_key,
        candidate.label,
        count(*) as images
    from candidate
    group by candidate.group_key, candidate.label
),

sized as (
    select
        part.group_key,
        part.label,
        md5($seed || ':draw:' || part.group_key) as draw,
        sum(part.images) over (partition by part.group_key) as images,
        row_number() over (
            partition by part.group_key
            order by part.images desc, part.label
        ) as rank
    from part
),

grouped as (
    select
        sized.group_key,
        sized.label,
        sized.draw,
        sized.images,
        sum(sized.images) over (
            partition by sized.label
            order by sized.draw, sized.group_key
            rows between unbounded preceding and current row
        ) - sized.images as before,
        sum(sized.images) over (partition by sized.label) as of_label
    from sized
    where sized.rank = 1 and sized.images > 1
),

offered as (
    select
        grouped.group_key,
        grouped.label,
        grouped.draw,
        grouped.images,
        quota.split,
        quota.wanted,
        quota.low,
        (2 * grouped.before + grouped.images) * quota.total as middle,
        2 * grouped.of_label as of_label,
        sum(quota.wanted) over (partition by grouped.group_key) as wanted_in_all
    from grouped
    inner join quota on quota.label = grouped.label
),

judged as (
    select
        offered.group_key,
        offered.label,
        offered.draw,
        offered.images,
        offered.split,
        offered.wanted,
        offered.low,
        offered.middle < offered.of_label * offered.wanted_in_all as is_used,
        case when
            2 * offered.images <= offered.wanted
            and offered.middle >= offered.of_label * offered.low
            and offered.middle < offered.of_label * (offered.low + offered.wanted)
        then 0 else 1 end as is_elsewhere
    from offered
),

home as (
    select
        judged.group_key,
        judged.label,
        judged.draw,
        judged.images,
        judged.split,
        judged.wanted,
        judged.is_used,
        row_number() over (
            partition by judged.group_key
            order by judged.is_elsewhere, judged.wanted desc, judged.low
        ) as choice
    from judged
),

drawn as (
    select
        home.group_key,
        home.split,
        home.wanted,
        sum(home.images) over (
            partition by home.label, home.split
            order by home.images, home.draw, home.group_key
            rows between unbounded preceding and current row
        ) as filled
    from home
    where home.choice = 1 and home.is_used
),

placed_group as (
    select
        drawn.group_key,
        drawn.split
    from drawn
    where drawn.filled <= drawn.wanted
),

taken as (
    select
        part.label,
        placed_group.split,
        sum(part.images) as images
    from part
    inner join placed_group on placed_group.group_key = part.group_key
    group by part.label, placed_group.split
),

room as (
    select
        quota.label,
        quota.split,
        greatest(quota.wanted - coalesce(taken.images, 0), 0) as places,
        sum(greatest(quota.wanted - coalesce(taken.images, 0), 0)) over (
            partition by quota.label
            order by quota.low
            rows between unbounded preceding and current row
        ) as high,
        sum(greatest(quota.wanted - coalesce(taken.images, 0), 0)) over (
            partition by quota.label
        ) as of_label
    from quota
    left join taken on taken.label = quota.label and taken.split = quota.split
),

single as (
    select
        sized.group_key,
        sized.label,
        row_number() over (partition by sized.label order by sized.draw, sized.group_key) as rank,
        count(*) over (partition by sized.label) as of_label
    from sized
    where sized.images = 1
),

placed as (
    select
        placed_group.group_key,
        placed_group.split
    from placed_group
    union all
    select
        single.group_key,
        room.split
    from single
    inner join room
        on room.label = single.label
        and single.rank * room.of_label
        > (room.high - room.places) * least(single.of_label, room.of_label)
        and single.rank * room.of_label <= room.high * least(single.of_label, room.of_label)
)

select
    candidate.image_id,
    coalesce(placed.split, 'unused') as split
from candidate
left join placed on placed.group_key = candidate.group_key
order by candidate.image_id
