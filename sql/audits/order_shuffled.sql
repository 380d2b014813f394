-- title: Splits whose order has runs of a class
-- grain: split
-- severity: should
-- tolerance: 0
-- param split_set: split_set = ingest
-- param alpha: float = 0.001
-- param least: int = 30
-- total: select count(*) from (select split_image.split from split_image where split_image.split_set = $split_set and split_image.position is not null group by split_image.split having count(*) >= $least and min(split_image.label) <> max(split_image.label))
-- next: sql split_sets
-- why: A model that sees one class after the other unlearns the first, and the first rows of a split are no sample of it.
-- do: Split sets made here are shuffled: make the set anew. In a training loop of your own, shuffle before every epoch.
--
-- Problem 4 of the course. In each split's order, rows that have the label of the row before them
-- (`repeats`) against what a random order of the same labels has (`expected`): the runs test of
-- A. Wald and J. Wolfowitz (1940) for any number of classes (A. Mood, The Distribution Theory of
-- Runs, 1940). A row is a split where the difference, up or down, is more than chance allows (p times
-- the number of splits below 0.001; p is bounded from above by sqrt(2 / pi) exp(-z z / 2) / z).
-- Splits of fewer than 30 rows are not tested, nor is the split set ingest, which claims no order.
with ordered as (
    select
        split_image.split,
        split_image.label,
        lag(split_image.label) over (
            partition by split_image.split
            order by split_image.position
        ) as label_before
    from split_image
    where split_image.split_set = $split_set and split_image.position is not null
),

part as (
    select
        ordered.split,
        ordered.label,
        cast(count(*) as double) as images,
        count(case when ordered.label = ordered.label_before then 1 end) as repeats
    from ordered
    group by ordered.split, ordered.label
),

counted as (
    select
        part.split,
        cast(sum(part.repeats) as bigint) as repeats,
        sum(part.images) as n,
        sum(part.images * part.images) as squares,
        sum(part.images * part.images * part.images) as cubes
    from part
    group by part.split
    having sum(part.images) >= $least and count(*) > 1
),

tested as (
    select
        counted.split,
        counted.n,
        counted.repeats,
        (counted.squares - counted.n) / counted.n as expected,
        sqrt(
            (
                counted.squares * (counted.squares + counted.n * (counted.n + 1))
                - 2 * counted.n * counted.cubes
                - counted.n * counted.n * counted.n
            ) / (counted.n * counted.n * (counted.n - 1))
        ) as deviation,
        count(*) over () as splits
    from counted
)

select
    tested.split,
    cast(tested.n as bigint) as images,
    tested.repeats,
    round(tested.expected, 2) as expected,
    round((tested.repeats - tested.expected) / tested.deviation, 2) as z
from tested
where tested.splits
    * sqrt(2 / pi())
    * exp(-pow(least(abs(tested.repeats - tested.expected) / tested.deviation, 30), 2) / 2)
    < $alpha * abs(tested.repeats - tested.expected) / tested.deviation
order by tested.split
