"""A job's answer as a row, made where the job runs: that needs no client of Spark."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from notmnist_store import errors
from notmnist_store.errors import SourceError, StoreError
from notmnist_store.progress import Progress
from notmnist_store.workers.wire import pack

ANSWERS = pa.schema([("number", pa.int64()), ("answer", pa.string())])


class _Notes(Progress):
    """Keeps what a job notes, to be said where it was asked for."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


def answered(number: int, work: Callable[[Any, Progress], object], job: object) -> pa.RecordBatch:
    """The row of a job, with what became of it: its answer, or its error, and what it noted."""
    notes = _Notes()
    content: dict[str, Any]
    try:
        content = {"answer": pack(work(job, notes))}
    except StoreError as error:
        advice = {"option": error.option} if isinstance(error, SourceError) else {}
        content = {
            "error": next(k.__name__ for k in type(error).mro() if hasattr(errors, k.__name__)),
            "words": [error.message, error.hint],
            "advice": advice,
        }
    content["notes"] = notes.said
    return pa.record_batch([[number], [json.dumps(content)]], schema=ANSWERS)
