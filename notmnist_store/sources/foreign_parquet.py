"""Parquet files that others wrote, read in a process of their own.

Arrow's reader can abort its process on a damaged file, and no Python code can prevent that.
"""

from __future__ import annotations

import signal
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from notmnist_store.sources.damage import damaged
from notmnist_store.sources.parquet_worker import About, End, OpenJob, ReadJob
from notmnist_store.workers.process import Worker, WorkerEndedError

_WORKER = "notmnist_store.sources.parquet_worker"
_Answer = TypeVar("_Answer", About, End)


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
        about = self._answer(About)
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
            self._answer(End)  # the worker's end, or what it says, tells more
            raise damaged(f"{self._what} is damaged: {error}") from None
        self._answer(End)

    def _answer(self, kind: type[_Answer]) -> _Answer:
        try:
            answer = self._worker.answer(kind)
        except WorkerEndedError as error:
            if -error.code == signal.SIGKILL:  # what a machine short of memory does
                raise
            raise damaged(
                f"{self._what} is damaged: the process that read it broke down (exit code "
                f"{error.code})"
            ) from None
        if answer is None or answer.error:
            raise damaged(f"{self._what} is damaged: {answer.error if answer else 'no answer'}")
        return answer


@contextmanager
def foreign_parquet(file: Path | bytes, what: str) -> Iterator[ForeignParquet]:
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
