"""A worker process: member batches in on stdin as an Arrow stream, blocks out as JSON on stdout.

Started as ``python -m notmnist_store.engines.worker`` with the job as JSON in its first line of
input. It is a fresh interpreter, so a caller needs no main guard, and nothing is pickled. A stream
that ends without Arrow's end mark means that the caller is gone: what was written is deleted.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from notmnist_store.blocks.kernels.rows import RowRules
from notmnist_store.blocks.writer import BlockWriter
from notmnist_store.errors import BudgetError, StoreError
from notmnist_store.schema.tables import Shape

_READ_AHEAD_BYTES = 64 << 20


def job_to_json(root: Path, rules: RowRules) -> str:
    """What a worker has to know, as one line."""
    content = {**vars(rules), "shape": str(rules.shape), "root": str(root)}
    return json.dumps(content)


def job_from_json(line: str) -> tuple[Path, RowRules]:
    """The store's folder and the rules that `job_to_json` wrote."""
    content = json.loads(line)
    root = Path(content.pop("root"))
    content["shape"] = Shape.parse(content["shape"])
    content["fractions"] = tuple((split, share) for split, share in content["fractions"])
    return root, RowRules(**content)


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


def main() -> int:
    """Work through one job, if one comes; the exit code is 0 unless stdout reports an error."""
    pa.set_cpu_count(1)
    line = sys.stdin.buffer.readline().decode()
    if not line:
        return 0  # the caller was gone before there was any work
    root, rules = job_from_json(line)
    writer = BlockWriter(root, rules)
    answer: dict[str, Any]
    try:
        batches = _ReadAhead(sys.stdin.buffer)
        while (batch := batches.next()) is not None:
            writer.add(batch)
        if sys.stdin.buffer.read(1) != b".":
            raise EOFError("the caller is gone")
        answer = {"blocks": [block.to_json() for block in writer.close()]}
    except StoreError as error:
        writer.abandon()
        option = error.option if isinstance(error, BudgetError) else ""
        answer = {"error": error.message, "hint": error.hint, "option": option}
    except BaseException:
        writer.abandon()
        answer = {"error": f"a worker failed:\n{traceback.format_exc()}", "hint": "", "option": ""}
    try:
        sys.stdout.write(json.dumps(answer))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0 if "blocks" in answer else 1


if __name__ == "__main__":
    # Leave without unwinding: the reading thread may still hold stdin after an error.
    code = main()
    os._exit(code)
