"""Run an ingest on this machine: in this process, or in several that share the blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa

from notmnist_store.blocks.kernels.rows import RowRules
from notmnist_store.blocks.writer import Block, BlockWriter, split_by_block
from notmnist_store.engines.block_worker import END, BlockJob
from notmnist_store.location.location import Location
from notmnist_store.schema.tables import MEMBER_SCHEMA
from notmnist_store.workers.process import Worker


def write_blocks(
    root: Location, rules: RowRules, batches: Iterable[pa.RecordBatch], workers: int
) -> list[Block]:
    """Make the data files of all member batches (in order of position); blocks in their order.

    On any exception the files written so far are deleted.

    Raises:
        BudgetError: there are more labels than the rules allow.
        StoreError: rows cannot be written, or a worker died.
    """
    if workers <= 1:
        writer = BlockWriter(root, rules)
        try:
            for batch in batches:
                writer.add(batch)
            return writer.close()
        except BaseException:
            writer.abandon()
            raise
    with _Team(root, rules, workers) as team:
        for batch in batches:
            for number, part in split_by_block(batch, rules.shape.block_members):
                team.send(number, part)
        return sorted(team.finish(), key=lambda block: block.number)


class _Team:
    """Worker processes; block N goes to worker N modulo their number.

    A process takes half a second to start, so each is started a block ahead of its first.
    """

    def __init__(self, root: Location, rules: RowRules, workers: int) -> None:
        self._job = BlockJob(root, rules)
        self._count = workers
        self._workers: dict[int, Worker] = {}
        self._streams: dict[int, pa.ipc.RecordBatchStreamWriter] = {}

    def __enter__(self) -> _Team:
        self._start(0)
        return self

    def __exit__(self, *_: object) -> None:
        """End all; a worker that is cut off deletes its files."""
        for number, worker in self._workers.items():
            worker.leave(at_once=number not in self._streams)

    def _start(self, block: int) -> int:
        number = block % self._count
        if number not in self._workers:
            self._workers[number] = Worker("notmnist_store.engines.block_worker", "ingest")
        return number

    def send(self, block: int, batch: pa.RecordBatch) -> None:
        number = self._start(block)
        self._start(block + 1)
        with self._own_error(number) as worker:
            if number not in self._streams:
                worker.send(self._job)
                self._streams[number] = pa.ipc.new_stream(worker.input, MEMBER_SCHEMA)
            self._streams[number].write_batch(batch)

    def finish(self) -> list[Block]:
        for number, stream in self._streams.items():
            with self._own_error(number) as worker:
                stream.close()
                worker.input.write(END)
                worker.input.close()
        blocks = []
        for number in self._streams:
            while (block := self._workers[number].answer(Block)) is not None:
                blocks.append(block)
        return blocks

    @contextmanager
    def _own_error(self, number: int) -> Iterator[Worker]:
        """A worker that reads no more has said why, or died."""
        worker = self._workers[number]
        try:
            yield worker
        except BrokenPipeError:
            worker.answer(Block)
            raise
