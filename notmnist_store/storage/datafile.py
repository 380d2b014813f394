"""Data files: plain Parquet whose every byte that decides about rows carries a checksum.

Pages carry their own. They do not cover a file's footer, where one flipped bit can turn a column
into nulls or hide a row group; so the name of a finished file ends in the hash of its footer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from notmnist_store.errors import LimitError, StoreError
from notmnist_store.storage.filesystem import MORE_OPEN, TOO_MANY_OPEN, too_many_open
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


def parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer with this store's settings: zstd, page checksums, no dictionary for pixels."""
    plain = {"pixels", "file_hash", "pixel_hash", "image_id", "dhash", "path"}
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=2,
        use_dictionary=[name for name in schema.names if name not in plain],
        write_statistics=[name for name in schema.names if name != "pixels"],
        write_page_checksum=True,
        store_schema=False,
    )


def _footer_hash(path: Path) -> str:
    """XXH3-64 (hex) of the footer with its length and the magic number after it."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        length = int.from_bytes(file.read(4), "little") + _TAIL
        if length > size:
            raise OSError("its footer's length cannot be right")
        file.seek(size - length)
        return xxhash.xxh3_64_hexdigest(file.read(length))


def seal(path: Path, rows: int) -> DataFile:
    """Add the hash of its footer to the name of a file with so many rows in a table's folder."""
    sealed = path.replace(path.with_name(f"{path.stem}-{_footer_hash(path)}{path.suffix}"))
    table = path.parent.name
    reached(f"{table} written")
    return DataFile(table, sealed.name, rows, sealed.stat().st_size)


@contextmanager
def reading(path: Path) -> Iterator[None]:
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


def check_footer(path: Path) -> None:
    """Check a sealed file's footer against its name.

    Raises:
        StoreError: the file is missing, or its footer is not the one that was written.
    """
    with reading(path):
        if _footer_hash(path) != path.stem.rpartition("-")[2]:
            raise OSError("its footer is not the one that was written")


@contextmanager
def open_checked(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a sealed file: its footer is checked now, its pages when they are read.

    Raises, also for what is read under the block:
        StoreError: see `reading`.
    """
    check_footer(path)
    with reading(path), pq.ParquetFile(path, page_checksum_verification=True) as parquet:
        yield parquet


def run_of(name: str) -> str:
    """The run id a data file's name begins with (an id holds exactly one hyphen)."""
    return "-".join(Path(name).stem.split("-")[:2])
