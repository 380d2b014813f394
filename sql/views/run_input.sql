-- title: One row a run that another was made from
-- column run_id: the run · no unit · 20110908T130000Z-0123456789
-- column input_run: a run whose rows it knows · no unit · 20110908T120000Z-0123456789
-- column role: image: an ingest run whose images it read; pair: a near-duplicates run whose pairs count, itself among them · no unit · image
-- column sequence: place of the input run in the order of runs · no unit · 1
-- column state: live, or withdrawn: then what was made from it may be stale · no unit · live
select
    run_input.run_id,
    run_input.input_run,
    run_input.role,
    run.sequence,
    run.state
from stored_run_input as run_input
inner join run on run.run_id = run_input.input_run
