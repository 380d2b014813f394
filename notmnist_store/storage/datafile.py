"""Data files: plain Parquet whose every byte that decides about rows carries a checksum.

Pages carry their own. They do not cover a file's footer, where one flipped bit can turn a column
into nulls or hide a row group; so the name of a finished file ends in the hash of its footer.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from notmnist_store.errors import StoreError

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


def seal(path: Path) -> Path:
    """Add the hash of its footer to the name of a file that is written; returns its new path."""
    sealed = path.with_name(f"{path.stem}-{_footer_hash(path)}{path.suffix}")
    return path.replace(sealed)


def check_footer(path: Path) -> None:
    """Check a sealed file's footer against its name.

    Raises:
        StoreError: the file is missing, or its footer is not the one that was written.
    """
    try:
        whole = _footer_hash(path) == path.stem.rpartition("-")[2]
    except FileNotFoundError:
        raise StoreError(f"{path.name} is missing", "notmnist-store verify") from None
    except OSError as error:
        raise StoreError(f"{path.name} cannot be read: {error}", "notmnist-store verify") from error
    if not whole:
        raise StoreError(
            f"{path.name} is damaged: its footer is not the one that was written",
            "notmnist-store verify",
        )


def open_checked(path: Path) -> pq.ParquetFile:
    """Open a sealed file: its footer is checked now, its pages when they are read.

    Raises:
        StoreError: see `check_footer`.
    """
    check_footer(path)
    return pq.ParquetFile(path, page_checksum_verification=True)


def run_of(name: str) -> str:
    """The run id a data file's name begins with (an id holds exactly one hyphen)."""
    return "-".join(Path(name).stem.split("-")[:2])
