-- title: Files, rows and bytes of each table, live and dead
-- grain: table, state
--
-- Dead rows belong to runs that were undone (withdrawn) or never finished; no view shows them.
select
    data_file.table_name,
    data_file.state,
    count(*) as files,
    cast(sum(data_file.rows) as bigint) as rows,
    cast(sum(data_file.bytes) as bigint) as bytes
from data_file
group by data_file.table_name, data_file.state
order by data_file.table_name, data_file.state
