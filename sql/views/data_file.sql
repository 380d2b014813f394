-- title: One row a data file that a table's log names
-- column table_name: table the file belongs to · no unit · image
-- column file_name: its name in the table's folder · no unit · 20110908T120000Z-0123456789-000000.parquet
-- column run_id: run that wrote it · no unit · 20110908T120000Z-0123456789
-- column state: live, withdrawn (its run was undone) or unfinished (its run never ended); only live rows are in the views · no unit · live
-- column rows: rows in it · rows · 18724
-- column bytes: its size · bytes · 6124533
select
    data_file.table_name,
    data_file.file_name,
    data_file.run_id,
    data_file.state,
    cast(data_file.rows as bigint) as rows,
    cast(data_file.bytes as bigint) as bytes
from stored_file as data_file
