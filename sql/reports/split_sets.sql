-- title: Split sets and their versions
-- grain: split set version
select
    split_set.split_set,
    split_set.version,
    split_set.is_current,
    split_set.recipe,
    split_set.seed,
    split_set.train,
    split_set.valid,
    split_set.test,
    split_set.unused,
    split_set.digest,
    split_set.arguments
from split_set
order by split_set.split_set, split_set.version
