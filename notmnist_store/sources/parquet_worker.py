"""The process that reads a Parquet file from elsewhere: what is in it first, then its batches.

Arrow's reader can abort the process on a damaged file; then it is this one that ends. The batches
go back as an Arrow stream.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from notmnist_store.location.location import Location
from notmnist_store.workers.process import serve
from notmnist_store.workers.wire import unpack


@dataclass(frozen=True)
class OpenJob:
    """The file; without a path its bytes, so many, follow on the worker's input."""

    path: Location | None
    size: int = 0


@dataclass(frozen=True)
class About:
    """The schema as Arrow writes it, and a number for each row group; or why it cannot be read."""

    error: str = ""
    schema: bytes = b""
    rows: tuple[int, ...] = ()
    plain_bytes: tuple[int, ...] = ()
    stored_bytes: tuple[int, ...] = ()


@dataclass(frozen=True)
class ReadJob:
    """Columns, those of them that stay dictionaries, and the rows of a batch in each row group."""

    columns: tuple[str, ...]
    dictionaries: tuple[str, ...]
    batch_rows: tuple[int, ...]


@dataclass(frozen=True)
class End:
    """What follows the batches: why they broke off, if they did."""

    error: str = ""


def read(job: OpenJob) -> Iterator[About | End]:
    """Answer what the file holds, then stream the batches that the next line asks for."""
    import pyarrow.parquet as pq

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        file = job.path.open("rb") if job.path else pa.BufferReader(sys.stdin.buffer.read(job.size))
        metadata = pq.read_metadata(file)
        file.seek(0)
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        about = About(
            schema=metadata.schema.to_arrow_schema().serialize().to_pybytes(),
            rows=tuple(group.num_rows for group in groups),
            plain_bytes=tuple(group.total_byte_size for group in groups),
            stored_bytes=tuple(
                sum(group.column(i).total_compressed_size for i in range(group.num_columns))
                for group in groups
            ),
        )
    except Exception as error:  # whatever Arrow runs into: the file is not ours
        yield About(error=str(error))
        return
    yield about
    if not (line := sys.stdin.buffer.readline()):
        return
    stream: pa.ipc.RecordBatchStreamWriter | None = None
    end = End()
    try:
        for batch in _batches(file, unpack(ReadJob, json.loads(line))):
            stream = stream or pa.ipc.new_stream(sys.stdout.buffer, batch.schema)
            stream.write_batch(batch)
    except BrokenPipeError:
        raise
    except Exception as error:  # as above
        end = End(str(error))
    (stream or pa.ipc.new_stream(sys.stdout.buffer, pa.schema([]))).close()
    yield end


def _batches(file: Any, job: ReadJob) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    parquet = pq.ParquetFile(
        file,
        read_dictionary=list(job.dictionaries),
        buffer_size=1 << 20,
        page_checksum_verification=True,
    )
    for group, rows in enumerate(job.batch_rows):
        yield from parquet.iter_batches(
            batch_size=rows, row_groups=[group], columns=list(job.columns), use_threads=False
        )


if __name__ == "__main__":
    serve(read, OpenJob)
