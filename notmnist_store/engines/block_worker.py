"""The worker process of an ingest: a job, then member batches in as an Arrow stream, blocks out.

A stream that ends without Arrow's end mark and a full stop means that the caller is gone: what was
written is deleted.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from notmnist_store.blocks.kernels.rows import RowRules
from notmnist_store.blocks.writer import Block, BlockWriter
from notmnist_store.location.location import Location
from notmnist_store.workers.process import serve

END = b"."
"""What follows a stream that was sent whole."""

_READ_AHEAD_BYTES = 64 << 20


@dataclass(frozen=True)
class BlockJob:
    """The store's folder, and the rules of the run."""

    root: Location
    rules: RowRules


class _ReadAhead:
    """Batches read by a thread, so that the sender does not wait; bounded by their bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._queue: queue.SimpleQueue[pa.RecordBatch | BaseException | None] = queue.SimpleQueue()
        self._room = threading.Condition()
        self._bytes = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            with pa.ipc.open_stream(self._stream) as reader:
                for batch in reader:
                    with self._room:
                        self._room.wait_for(lambda: self._bytes < _READ_AHEAD_BYTES)
                        self._bytes += batch.nbytes
                    self._queue.put(batch)
        except BaseException as error:
            self._queue.put(error)
        else:
            self._queue.put(None)

    def next(self) -> pa.RecordBatch | None:
        item = self._queue.get()
        if isinstance(item, BaseException):
            raise item
        if item is not None:
            with self._room:
                self._bytes -= item.nbytes
                self._room.notify()
        return item


def write(job: BlockJob) -> Iterator[Block]:
    """Write the batches on stdin; the blocks of them."""
    pa.set_cpu_count(1)
    writer = BlockWriter(job.root, job.rules)
    try:
        batches = _ReadAhead(sys.stdin.buffer)
        while (batch := batches.next()) is not None:
            writer.add(batch)
        if sys.stdin.buffer.read(1) != END:
            raise EOFError("the caller is gone")
        blocks = writer.close()
    except BaseException:
        writer.abandon()
        raise
    yield from blocks


if __name__ == "__main__":
    serve(write, BlockJob)
