-- title: How many pairs that the search has cross splits, of pictures that stand there (standing_picture)
--
-- `stands` is as in sql/near/pictures.sql. Pairs that decisions part count, too.
select count(*) as pairs
from searched_pair as pair
inner join standing_picture as one on one.image_id = pair.a
inner join standing_picture as other on other.image_id = pair.b
where one.stands > 0
    and other.stands > 0
    and (one.stands <> other.stands or one.stands not in (1, 2, 4))
