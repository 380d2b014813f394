-- title: One row a run that was made from others, with all of them
-- column run_id: the run · no unit · 20110908T130000Z-0123456789
-- column image_runs: ingest runs whose images it read, in order, as JSON · no unit · ["20110908T120000Z-0123456789"]
-- column pair_runs: near-duplicates runs whose pairs count for it, in order, as JSON · no unit · ["20110908T130000Z-0123456789"]
-- column is_broken: whether one of them was withdrawn · no unit · false
-- column is_overtaken: whether a source was restored that comes before one that it read · no unit · false
--
-- Images of a restored source stand for pictures that pairs found meanwhile name by others: what holds
-- pairs counts only where it is neither broken nor overtaken.
with known as (
    select
        run_input.run_id,
        max(run_input.sequence) as last_sequence,
        count(*) as runs
    from run_input
    where run_input.role = 'image'
    group by run_input.run_id
),

overtaken as (
    select known.run_id
    from known
    inner join run
        on run.verb = 'ingest'
        and run.state = 'live'
        and run.sequence <= known.last_sequence
    group by known.run_id
    having count(*) > max(known.runs)
)

select
    named.run_id,
    '[' || coalesce(
        string_agg(named.input_run, ', ' order by named.sequence) filter (where named.role = 'image'), ''
    ) || ']' as image_runs,
    '[' || coalesce(
        string_agg(named.input_run, ', ' order by named.sequence) filter (where named.role = 'pair'), ''
    ) || ']' as pair_runs,
    bool_or(named.state = 'withdrawn') as is_broken,
    bool_or(overtaken.run_id is not null) as is_overtaken
from (
    select
        run_input.run_id,
        '"' || run_input.input_run || '"' as input_run,
        run_input.role,
        run_input.sequence,
        run_input.state
    from run_input
) as named
left join overtaken on overtaken.run_id = named.run_id
group by named.run_id
