-- Statements that try to get out of the store, one a line, below what they try. {out} is a file
-- that is not there, {secret} one that is, in {folder}; {file} is a data file of {store}, {spill}
-- the catalog's own temporary folder.

-- write a file
copy image to '{out}'
copy (select 42) to '{out}' (format csv)
copy (select 42) to '{out}' (format csv, use_tmp_file false)
copy (select 42) to '{file}' (format parquet, use_tmp_file false)
with x as (copy (select 42) to '{out}') select * from x
explain analyze copy (select 42) to '{out}'
copy (select 42) to '{spill}/x.csv'
select * from query('copy (select 42) to ''{out}''')
copy (select * from image) to '/dev/stdout' (format csv)
copy (select 42) to '{folder}/../escaped' (format csv)
copy (select 42) to '{out}' (format parquet, partition_by (label))

-- write or read a whole database
export database '{out}'
import database '{out}'

-- read a file
select * from '{folder}/*.csv'
select * from delta_scan('{store}/image')
select * from read_csv('{secret}')
select * from read_text('{secret}')
select * from read_blob('{secret}')
select * from read_json('{secret}')
select * from '{secret}'
select * from '{file}'
select * from read_parquet('{file}')
select * from parquet_metadata('{file}')
select * from parquet_schema('{file}')
select * from glob('{folder}/*')
select * from glob('{store}/**')
select * from read_text('{spill}/*')
select * from sniff_csv('{secret}')
select * from query_table('{file}')
select read_text('{secret}')
from shellfs('ls')
select * from read_csv('/dev/stdin')
select * from read_text('/proc/self/environ')
select * from read_csv_auto(['{secret}', '{secret}'])
select * from read_ndjson('{secret}')
select * from read_json_auto('{secret}')
select * from parquet_kv_metadata('{file}')
select * from parquet_file_metadata('{file}')
select * from sqlite_scan('{secret}', 'x')
select content from read_text(getvariable('secret'))
select * from query('select * from read_text(''{secret}'')')
with recursive r as (select 1 union all select * from read_csv('{secret}')) select * from r
select (select content from read_text('{secret}'))
select * from image where label in (select password from '{secret}')
explain analyze select * from read_text('{secret}')
summarize '{secret}'
describe select * from read_csv('{secret}')
pivot read_csv('{secret}') on password
from read_text('{secret}') select content
table '{secret}'
values ((select content from read_text('{secret}')))
create function f() as (select content from read_text('{secret}'))

-- reach the network
select * from read_csv('https://127.0.0.1:9/x.csv')
select * from read_parquet('s3://bucket/x.parquet')

-- open another database
attach '{out}'
attach '{out}' as other (type sqlite)
attach ':memory:' as other
detach memory
use memory

-- bring in an extension
install httpfs
load httpfs
load '{secret}'
force install httpfs from 'http://127.0.0.1:9'
load 'httpfs'; select 1

-- change a setting that is locked
set enable_external_access = true
set lock_configuration = false
set temp_directory = '{folder}'
set allowed_directories = ['{folder}']
reset enable_external_access
set global home_directory = '{folder}'
pragma enable_external_access = true
update stored_image set label = 'B'
set variable secret = '{secret}'
set file_search_path = '{folder}'
set extension_directory = '{folder}'
set log_query_path = '{out}'
set enable_logging = true
pragma enable_profiling = 'json'
set profiling_output = '{out}'
set custom_user_agent = 'x'
set memory_limit = '1TB'
set threads = 1000

-- call a pragma
pragma database_list
call pragma_version()
call enable_logging(storage = 'file', storage_config = {{'path': '{out}'}})

-- change what the views show
create table mine as select 1
create or replace view image as select 1
create macro m() as (select 1)
create temp table mine (x int)
insert into stored_image select * from stored_image
delete from image
drop view image
truncate stored_image
alter view image rename to other
comment on view image is 'x'
select 1; drop view image
merge into stored_image using image on true when matched then delete

-- read or make credentials
create secret s (type s3)
select * from duckdb_secrets()
select getenv('HOME')
create persistent secret s (type s3, key_id 'x', secret 'y')

-- run more than one statement
select 1; select 2

-- act on the database itself
begin transaction
commit
checkpoint
vacuum

-- keep a statement for later
deallocate p
prepare p as select 1
execute p

-- read a variable of the program
select * from local_rows
