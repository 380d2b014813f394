-- title: What leaks add to the accuracies of one baseline
-- param run_id: string
select
    model, size, eval_split, versus_set, versus_subset, n, versus_n,
    accuracy, versus_accuracy, points, low, high
from stored_leak_price
where run_id = $run_id
order by versus_subset, versus_set, case eval_split when 'valid' then 0 else 1 end, size
