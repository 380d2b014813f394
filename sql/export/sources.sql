-- title: Where the images of some ingest runs come from
--
-- `$runs` are the runs.
select source, source_sha256, source_bytes, members_stored as images, arguments
from run
where list_contains($runs, run_id)
order by sequence
