-- title: Images that a partner has, too, with the splits they have there
--
-- Reads `match` (rank, split, position, image_id, label, keyed_hash) and `theirs` (split, keyed_hash).
select
    match.split,
    match.position,
    match.image_id,
    match.label,
    string_agg(distinct theirs.split, ', ' order by theirs.split) as their_split,
    count(*) as their_copies
from match
inner join theirs on theirs.keyed_hash = match.keyed_hash
group by all
order by min(match.rank), match.position
