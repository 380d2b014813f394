"""Data files: plain Parquet whose every byte that decides about rows carries a checksum.

Pages carry their own. They do not cover a file's footer, where one flipped bit can turn a column
into nulls or hide a row group; so the name of a finished file ends in the hash of its footer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from notmnist_store.errors import LimitError, StoreError
from notmnist_store.location.bucket import ObjectFile
from notmnist_store.location.location import Location, at_once
from notmnist_store.storage.filesystem import (
    MORE_OPEN,
    TOO_MANY_OPEN,
    disk_errors,
    put,
    too_many_open,
)
from notmnist_store.storage.pause import reached

_TAIL = 8


@dataclass(frozen=True)
class DataFile:
    """One Parquet file in a table's folder; `state` says whether the views show its rows.

    live: its run is finished; withdrawn: and was undone; unfinished: its run never ended.
    """

    table: str
    name: str
    rows: int
    bytes: int
    state: str = "unfinished"


class DataFileWriter:
    """Rows of one data file, held in memory until they are put in place as a whole file.

    What writes them bounds them: an ingest cuts its blocks by position (`Shape.block_members`).
    """

    def __init__(self, schema: pa.Schema) -> None:
        plain = {"pixels", "file_hash", "pixel_hash", "image_id", "dhash", "path"}
        self._sink = pa.BufferOutputStream()
        self._rows = 0
        self._writer = pq.ParquetWriter(
            self._sink,
            schema,
            compression="zstd",
            compression_level=2,
            use_dictionary=[name for name in schema.names if name not in plain],
            write_statistics=[name for name in schema.names if name != "pixels"],
            write_page_checksum=True,
            store_schema=False,
        )

    def write(self, rows: pa.Table, group_rows: int) -> None:
        """Add rows, in row groups of so many."""
        self._writer.write_table(rows, row_group_size=group_rows)
        self._rows += rows.num_rows

    def put(self, folder: Location, stem: str) -> DataFile:
        """Put the file into a table's folder; its name is `stem` and the hash of its footer.

        Raises:
            StoreError: it cannot be written.
        """
        self._writer.close()
        content = self._sink.getvalue()
        view = memoryview(content).cast("B")
        name = f"{stem}-{_footer_hash(pa.BufferReader(content))}.parquet"
        with disk_errors(folder / name):
            folder.mkdir(exist_ok=True)
        put(folder / name, view)
        reached(f"{folder.name} written")
        return DataFile(folder.name, name, self._rows, len(view))


def _footer_hash(file: pa.NativeFile | ObjectFile) -> str:
    """XXH3-64 (hex) of the footer with its length and the magic number after it."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    length = int.from_bytes(file.read(4), "little") + _TAIL
    if length > size:
        raise OSError("its footer's length cannot be right")
    file.seek(size - length)
    return xxhash.xxh3_64_hexdigest(file.read(length))


@contextmanager
def reading(path: Location) -> Iterator[None]:
    """Turn an error of a data file that is read under this block into a StoreError that names it.

    Raises:
        StoreError: the file is missing or damaged, or the system does not let it be read.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise StoreError(f"{path.name} is missing", "notmnist-store verify") from error
    except (OSError, pa.ArrowException) as error:
        if too_many_open(error):
            raise LimitError(f"{path.name} cannot be read: {TOO_MANY_OPEN}", MORE_OPEN) from error
        raise StoreError(f"{path.name} is damaged: {error}", "notmnist-store verify") from error


def check_footer(path: Location) -> None:
    """Check a sealed file's footer against its name.

    Raises:
        StoreError: the file is missing, or its footer is not the one that was written.
    """
    with reading(path), _opened(path) as file:
        _check(path, file)


def _opened(path: Location) -> pa.NativeFile | ObjectFile:
    return pa.OSFile(os.fspath(path)) if isinstance(path, Path) else ObjectFile(path)


def _check(path: Location, file: pa.NativeFile | ObjectFile) -> None:
    if _footer_hash(file) != path.stem.rpartition("-")[2]:
        raise OSError("its footer is not the one that was written")


@contextmanager
def open_checked(path: Location) -> Iterator[pq.ParquetFile]:
    """Open a sealed file: its footer is checked now, its pages when they are read.

    Raises, also for what is read under the block:
        StoreError: see `reading`.
    """
    with reading(path), _opened(path) as file:
        _check(path, file)
        with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
            yield parquet


def read_checked(paths: Sequence[Location], schema: pa.Schema) -> pa.Table:
    """All rows of small sealed files, as this schema; many at once where each is a request.

    Raises:
        StoreError: see `reading`.
    """

    def read(path: Location) -> pa.Table:
        with open_checked(path) as parquet:
            return parquet.read(use_threads=False).cast(schema)

    return pa.concat_tables([schema.empty_table(), *at_once(read, paths)])


def run_of(name: str) -> str:
    """The run id a data file's name begins with (an id holds exactly one hyphen)."""
    return "-".join(name.split(".")[0].split("-")[:2])
