"""Checks of data files where Spark reads them: not every server holds pages to their checksums.

Workers import this module, and Spark's client cannot be imported by all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from notmnist_store.errors import QueryError, StoreError
from notmnist_store.location.location import Location, location
from notmnist_store.storage.datafile import open_checked

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

_FILES_A_TASK = 4
_ROWS = 1 << 16


def check_files(session: SparkSession, paths: Sequence[Location], columns: Sequence[str]) -> None:
    """Read these columns of files on the workers: footers by their names, pages by checksums.

    Raises:
        QueryError: a file is missing there, or damaged.
    """
    asked = [(str(path.resolve()), list(columns)) for path in paths]
    rows = session.createDataFrame(asked, _ASKED)
    spread = rows.repartition(max(1, len(paths) // _FILES_A_TASK))
    for row in spread.mapInArrow(_damages, _FOUND).toArrow().to_pylist():
        raise QueryError(f"a data file is damaged: {row['message']}", "notmnist-store verify")


_ASKED = "path string, columns array<string>"
_FOUND = "message string"


def _damages(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """A row for each file that cannot be read whole: why."""
    for batch in batches:
        found = [
            message
            for row in batch.to_pylist()
            if (message := _damage(location(row["path"]), row["columns"])) is not None
        ]
        yield pa.record_batch([pa.array(found, pa.string())], names=["message"])


def _damage(path: Location, columns: Sequence[str]) -> str | None:
    try:
        with open_checked(path) as parquet:
            for _ in parquet.iter_batches(_ROWS, columns=columns, use_threads=False):
                pass
    except StoreError as error:
        return error.message
    return None
