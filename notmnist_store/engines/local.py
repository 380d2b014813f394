"""Run an ingest on this machine: in this process, or in several that share the blocks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import pyarrow as pa

from notmnist_store.blocks.kernels.rows import RowRules
from notmnist_store.blocks.writer import Block, BlockWriter, split_by_block
from notmnist_store.engines.worker import job_to_json
from notmnist_store.errors import BudgetError, StoreError
from notmnist_store.schema.tables import MEMBER_SCHEMA

_PIPE_BYTES = 1 << 20


def write_blocks(
    root: Path, rules: RowRules, batches: Iterable[pa.RecordBatch], workers: int
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
    with _Workers(root, rules, workers) as team:
        for batch in batches:
            for number, part in split_by_block(batch, rules.shape.block_members):
                team.send(number, part)
        return sorted(team.finish(), key=lambda block: block.number)


class _Workers:
    """Worker processes; block N goes to worker N modulo their number.

    A process takes half a second to start, so each is started a block ahead of its first.
    """

    def __init__(self, root: Path, rules: RowRules, workers: int) -> None:
        self._job = job_to_json(root, rules)
        self._workers = [_Worker() for _ in range(workers)]

    def __enter__(self) -> _Workers:
        self._workers[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.leave()

    def send(self, number: int, batch: pa.RecordBatch) -> None:
        for worker in (number, number + 1):
            self._workers[worker % len(self._workers)].start()
        self._workers[number % len(self._workers)].send(self._job, batch)

    def finish(self) -> list[Block]:
        working = [worker for worker in self._workers if worker.has_work]
        for worker in working:
            worker.end()
        return [block for worker in working for block in worker.blocks()]


class _Worker:
    """One worker process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._stream: pa.ipc.RecordBatchStreamWriter | None = None

    @property
    def has_work(self) -> bool:
        """Whether it got a batch."""
        return self._stream is not None

    def start(self) -> None:
        """Start the process, where it is not running yet."""
        if self._process is not None:
            return
        package = str(Path(__file__).parents[2])
        path = os.pathsep.join(p for p in (package, os.environ.get("PYTHONPATH", "")) if p)
        single = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "notmnist_store.engines.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **single, "PYTHONPATH": path},
            pipesize=_PIPE_BYTES,
            start_new_session=True,  # Ctrl-C is this process's to handle
        )

    def send(self, job: str, batch: pa.RecordBatch) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            if self._stream is None:
                self._process.stdin.write(job.encode() + b"\n")
                self._stream = pa.ipc.new_stream(self._process.stdin, MEMBER_SCHEMA)
            self._stream.write_batch(batch)
        except BrokenPipeError:
            self.blocks()
            raise

    def end(self) -> None:
        if self._process is None or self._process.stdin is None or self._stream is None:
            return
        try:
            self._stream.close()
            self._process.stdin.write(b".")  # the stream was sent whole
            self._process.stdin.close()
        except BrokenPipeError:
            self.blocks()
            raise

    def blocks(self) -> list[Block]:
        """What the worker wrote, once it has ended; StoreError where it failed."""
        if self._process is None or self._process.stdout is None:
            return []
        output = self._process.stdout.read()
        code = self._process.wait()
        try:
            answer = json.loads(output)
        except ValueError:
            raise StoreError(
                f"a worker process ended without an answer (exit code {code}; -9 is what a "
                "machine short of memory does; --workers 1 takes least)",
                "notmnist-store ingest --help",
            ) from None
        if "error" in answer and answer["option"]:
            raise BudgetError(answer["error"], option=answer["option"])
        if "error" in answer:
            raise StoreError(answer["error"], answer["hint"])
        return [Block.from_json(content) for content in answer["blocks"]]

    def leave(self) -> None:
        """End the process, whatever it is doing; it deletes its files when cut off."""
        if self._process is None:
            return
        if not self.has_work:
            self._process.kill()  # there is nothing that it could have to delete
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except BrokenPipeError:
                pass
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
