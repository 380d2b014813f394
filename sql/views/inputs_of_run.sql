-- title: One row a run that was made from others, with all of them
-- column run_id: the run · no unit · 20110908T130000Z-0123456789
-- column image_runs: ingest runs whose images it read, in order, as JSON · no unit · ["20110908T120000Z-0123456789"]
-- column pair_runs: near-duplicates runs whose pairs count for it, in order, as JSON · no unit · ["20110908T130000Z-0123456789"]
-- column is_broken: whether one of them was withdrawn · no unit · false
select
    named.run_id,
    '[' || coalesce(
        string_agg(named.input_run, ', ' order by named.sequence) filter (where named.role = 'image'), ''
    ) || ']' as image_runs,
    '[' || coalesce(
        string_agg(named.input_run, ', ' order by named.sequence) filter (where named.role = 'pair'), ''
    ) || ']' as pair_runs,
    bool_or(named.state = 'withdrawn') as is_broken
from (
    select
        run_input.run_id,
        '"' || run_input.input_run || '"' as input_run,
        run_input.role,
        run_input.sequence,
        run_input.state
    from run_input
) as named
group by named.run_id
