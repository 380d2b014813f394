-- title: One row a version of a split set
-- column split_set: its name · no unit · clean
-- column version: 1 for the first, one more each time it is replaced or extended · no unit · 1
-- column is_current: the version that commands and the schema of its name use · no unit · true
-- column recipe: how images were placed · no unit · stratified
-- column arguments: the recipe's arguments as JSON · no unit · {"train": "0.8"}
-- column seed: seed of the random draws · no unit · 0
-- column labels: its labels in order, as JSON; a label's place is its label_id · no unit · ["A", "B"]
-- column image_runs: ingest runs whose images it was made from, as JSON · no unit · ["20110908T120000Z-0123456789"]
-- column digest: sha256 over split, label and pixel hash of train, valid and test, in order · hex · 76b2ef7ccc56452964780569db37b279c9cbe1bf442c3b38be784752683b3cec
-- column train: images in train · images · 8000
-- column valid: images in valid · images · 1000
-- column test: images in test · images · 1000
-- column unused: images left over · images · 0
-- column run_id: run that made it · no unit · 20110908T120000Z-0123456789
select
    split_set.split_set,
    split_set.version,
    split_set.version = max(split_set.version) over (partition by split_set.split_set) as is_current,
    split_set.recipe,
    split_set.arguments,
    split_set.seed,
    split_set.labels,
    coalesce(made_from.image_runs, '[]') as image_runs,
    split_set.digest,
    split_set.train,
    split_set.valid,
    split_set.test,
    split_set.unused,
    split_set.run_id
from stored_split_set as split_set
left join inputs_of_run as made_from on made_from.run_id = split_set.run_id
