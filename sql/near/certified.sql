-- title: The certificate of a run
-- param run_id: string
select * from certificate
where run_id = $run_id
