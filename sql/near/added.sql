-- title: Pairs that searches across splits have added to the current search, those that decisions part too
select
    pair.a,
    pair.b,
    pair.squared_distance
from stored_pair as pair
where (
    pair.run_id in (
        select radius_join.run_id
        from radius_join
        inner join pair_run on pair_run.run_id = radius_join.run_id
        where radius_join.split_set is not null
    )
) is true
