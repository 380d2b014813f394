"""A store's tables as DuckDB reads them: rows of exactly the files that count, all checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from notmnist_store.errors import LimitError, StoreError
from notmnist_store.location.bucket import BucketPath
from notmnist_store.location.location import Location, arrow_place, at_once
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.datafile import (
    DataFile,
    check_footer,
    open_checked,
    read_checked,
    run_of,
)
from notmnist_store.storage.tables import Tables

_SMALL_BYTES = 4 << 20
_MEMBER = ["split", "image_id", "label_id", "position"]


def file_rows(files: dict[str, list[DataFile]]) -> pa.Table:
    """One row a data file, as view data_file has them."""
    rows = [file for part in files.values() for file in part]
    return pa.table(
        {
            "table_name": pa.array([file.table for file in rows], pa.string()),
            "file_name": pa.array([file.name for file in rows], pa.string()),
            "run_id": pa.array([run_of(file.name) for file in rows], pa.string()),
            "state": pa.array([file.state for file in rows], pa.string()),
            "rows": pa.array([file.rows for file in rows], pa.int64()),
            "bytes": pa.array([file.bytes for file in rows], pa.int64()),
        }
    )


def live(files: list[DataFile]) -> list[DataFile]:
    """The files whose rows count, in their order."""
    return [file for file in files if file.state == "live"]


def dataset(
    tables: Tables, table: str, files: list[DataFile]
) -> ds.Dataset | pa.Table | pa.RecordBatchReader:
    """The rows of these files of a table, footers checked now, pages when they are read.

    Of a bucket, what is small is read now: each query that reads it would ask for it again. A
    damaged footer is an error for whoever reads the rows, not for those who read other tables.
    """
    schema = TABLES[table]
    folder = tables.path(table)
    paths = [folder / file.name for file in files]
    try:
        if isinstance(folder, BucketPath) and sum(file.bytes for file in files) <= _SMALL_BYTES:
            return read_checked(paths, schema)
        at_once(check_footer, paths)
    except LimitError:
        raise
    except StoreError as error:
        return pa.RecordBatchReader.from_batches(schema, _damaged(error))
    checked = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    file_system, root = arrow_place(folder)
    return ds.FileSystemDataset.from_paths(
        [f"{root}/{file.name}" for file in files],
        schema=schema,
        format=ds.ParquetFileFormat(default_fragment_scan_options=checked),
        filesystem=file_system,
    )


def _damaged(error: StoreError) -> Iterator[pa.RecordBatch]:
    """Nothing but the error, for whoever reads the table; the other tables can still be read."""
    raise error
    yield


def split_set_versions(tables: Tables, files: list[DataFile]) -> list[tuple[str, int, bool]]:
    """(name, version, is it the current one) of each split set version that is not withdrawn."""
    columns = ["split_set", "version"]
    paths = [tables.path("split_set", file.name) for file in live(files)]
    rows = read_checked(paths, TABLES["split_set"]).select(columns).to_pylist()
    made: list[tuple[str, int]] = [(row["split_set"], row["version"]) for row in rows]
    newest: dict[str, int] = {}
    for name, version in sorted(made):
        newest[name] = version
    return [(name, version, newest[name] == version) for name, version in made]


def split_members(paths: Iterable[Location], split: str) -> pa.Table:
    """image_id, label_id and position of the images of one split in files of table split_image.

    Row groups of other splits are passed over, the others read one by one.
    """
    parts = []
    for path in paths:
        with open_checked(path) as parquet:
            for group in range(parquet.num_row_groups):
                at = parquet.schema_arrow.get_field_index("split")
                known = parquet.metadata.row_group(group).column(at).statistics
                if known is not None and not known.min <= split <= known.max:
                    continue
                rows = parquet.read_row_group(group, columns=_MEMBER, use_threads=False)
                parts.append(rows.filter(pc.equal(rows["split"], split)).drop_columns("split"))
    if not parts:
        return pa.schema([TABLES["split_image"].field(name) for name in _MEMBER[1:]]).empty_table()
    return pa.concat_tables(parts)
