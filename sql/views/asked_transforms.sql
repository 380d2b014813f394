-- title: Sets of transforms that the current near-duplicates run can be asked for, with all that each covers
-- column transforms: a set, in words · no unit · shift2
-- column lesser: a set that it covers: none, itself, or one between · no unit · shift1
-- column is_searched: whether it is all that was searched under · no unit · true
with turn as (
    select
        turn.word,
        turn.level
    from (values ('none', 0), ('flip', 1), ('flips', 2), ('turns', 3)) as turn (word, level)
),

shift as (
    select
        shift.word,
        shift.level
    from (values ('none', 0), ('shift1', 1), ('shift2', 2), ('shift1,shift2', 3)) as shift (word, level)
),

named as (
    select
        case
            when turn.level = 0 then shift.word
            when shift.level = 0 then turn.word
            else turn.word || ',' || shift.word
        end as transforms,
        turn.level as turns,
        shift.level as shifts
    from turn
    cross join shift
),

searched as (
    select named.*
    from named
    inner join radius_join on radius_join.transforms = named.transforms and radius_join.is_current
)

select
    named.transforms,
    lesser.transforms as lesser,
    named.transforms = searched.transforms as is_searched
from searched
inner join named on named.turns <= searched.turns and named.shifts <= searched.shifts
inner join named as lesser on lesser.turns <= named.turns and lesser.shifts <= named.shifts
