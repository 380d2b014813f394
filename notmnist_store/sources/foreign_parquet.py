"""Parquet files that others wrote, read in a process of their own.

Arrow's reader can abort its process on a damaged file, and no Python code can prevent that.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate

import pyarrow as pa

from notmnist_store.location.location import Location
from notmnist_store.sources.damage import damaged
from notmnist_store.sources.foreign_reader import readers_answer
from notmnist_store.sources.parquet_worker import About, End, OpenJob, ReadJob
from notmnist_store.workers.process import Worker

_WORKER = "notmnist_store.sources.parquet_worker"


class ForeignParquet:
    """A Parquet file that is open in another process.

    ``group_rows``, ``group_bytes`` and ``group_stored_bytes`` have a number for each row group:
    rows, bytes, and bytes as they are in the file.
    """

    def __init__(self, worker: Worker, job: OpenJob, content: bytes, what: str) -> None:
        self._worker = worker
        self._what = what
        try:
            worker.send(job)
            worker.input.write(content)
            worker.input.flush()
        except BrokenPipeError:
            pass  # the answer says why
        about = readers_answer(worker, About, what)
        self.schema = pa.ipc.read_schema(pa.py_buffer(about.schema))
        self.group_rows = about.rows
        self.group_bytes = about.plain_bytes
        self.group_stored_bytes = about.stored_bytes

    def batches(
        self, columns: Sequence[str], batch_rows: Sequence[int], dictionaries: Sequence[str] = ()
    ) -> Iterator[tuple[pa.RecordBatch, int]]:
        """Yield the rows of these columns in batches of so many in each row group.

        With each comes how many bytes of the file are read by then.

        ``columns`` are leaves (``image.bytes``); ``dictionaries`` are those that come as
        dictionaries. None of the batches goes across row groups.

        Raises:
            SourceError: the file is damaged.
        """
        ends, row = [0, *accumulate(self.group_rows)], 0
        stored = [0, *accumulate(self.group_stored_bytes)]
        try:
            self._worker.send(ReadJob(tuple(columns), tuple(dictionaries), tuple(batch_rows)))
            with pa.ipc.open_stream(self._worker.output) as stream:
                for batch in stream:
                    begun = min(bisect_right(ends, row), len(ends) - 1)
                    yield batch, stored[begun]
                    row += len(batch)
        except (pa.ArrowException, OSError) as error:
            readers_answer(
                self._worker, End, self._what
            )  # the worker's end, or what it says, tells more
            raise damaged(f"{self._what} is damaged: {error}") from None
        readers_answer(self._worker, End, self._what)


@contextmanager
def foreign_parquet(file: Location | bytes, what: str) -> Iterator[ForeignParquet]:
    """A file, or the bytes of one, open in a process of its own; ``what`` names it in errors.

    Raises, also for what is read under the block:
        SourceError: it is damaged, or no Parquet file.
    """
    worker = Worker(_WORKER, "ingest", quiet=True)
    try:
        if isinstance(file, bytes):
            yield ForeignParquet(worker, OpenJob(None, len(file)), file, what)
        else:
            yield ForeignParquet(worker, OpenJob(file.resolve()), b"", what)
    except UnicodeError as error:  # a name in it, which Arrow hands out as it is
        raise damaged(f"{what} is damaged: {error}") from None
    finally:
        worker.leave(at_once=True)
