"""Jobs as tasks of Spark: each goes as a row of a partition of its own, and its answer comes back.

Spark decides where and how often a job runs; one answer of each is taken. Jobs go and answers come
as JSON, so that nothing a server sends is run here; only functions go pickled, as Spark sends them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.session import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from notmnist_store import errors
from notmnist_store.engines.engine import Answer, Job
from notmnist_store.engines.spark.answers import ANSWERS, answered
from notmnist_store.errors import StoreError
from notmnist_store.progress import Progress
from notmnist_store.workers.wire import pack, unpack

_ANSWER = from_arrow_schema(ANSWERS)
_JOBS = pa.schema([("number", pa.int64()), ("job", pa.string())])
_SHOWN = 600


def run_tasks(
    session: SparkSession,
    work: Callable[[Job, Progress], Answer],
    jobs: Sequence[Job],
    kind: type[Answer],
    progress: Progress,
) -> Iterator[Answer | StoreError]:
    """What `work` gives for each job, in their order; raises what Spark says where it gives up."""
    job_kind = type(jobs[0])

    def serve(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number, job in zip(*(batch[name].to_pylist() for name in _JOBS.names), strict=True):
                yield answered(number, work, unpack(job_kind, json.loads(job)))

    given = _given(session, jobs)
    yield from collected(given.mapInArrow(serve, _ANSWER), kind, progress)


def shuffle_tasks(
    session: SparkSession,
    spread: Callable[[Job], Iterator[pa.RecordBatch]],
    jobs: Sequence[Job],
    schema: pa.Schema,
    gather: Callable[[int, pa.Table], Answer],
    kind: type[Answer],
    progress: Progress,
) -> Iterator[Answer | StoreError]:
    """What `gather` gives for each task; an error of `spread` is one of Spark's."""
    job_kind = type(jobs[0])

    def send(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for job in batch["job"].to_pylist():
                yield from spread(unpack(job_kind, json.loads(job)))

    def take(sent: pa.Table) -> pa.Table:
        task = sent["task"][0].as_py()
        return pa.Table.from_batches(
            [answered(task, lambda rows, _: gather(task, rows), sent.cast(schema))]
        )

    sent = _given(session, jobs).mapInArrow(send, from_arrow_schema(schema))
    yield from collected(sent.groupBy("task").applyInArrow(take, _ANSWER), kind, progress)


def _given(session: SparkSession, jobs: Sequence[object]) -> DataFrame:
    """A row and a partition for each job."""
    rows = pa.table([range(len(jobs)), [json.dumps(pack(job)) for job in jobs]], schema=_JOBS)
    return session.createDataFrame(rows).repartition(len(jobs))


def collected(frame: Any, kind: type[Answer], progress: Progress) -> Iterator[Answer | StoreError]:
    """The answers of a frame of rows of `answered`, in the order of their numbers.

    Raises:
        StoreError: Spark gave a task up.
    """
    try:
        found = frame.toArrow()
    except PySparkException as error:
        raise StoreError(
            f"Spark gave up a task: {str(error)[:_SHOWN]}", "notmnist-store info"
        ) from error
    for row in found.sort_by("number")["answer"].to_pylist():
        content = json.loads(row)
        for note in content["notes"]:
            progress.note(note)
        if "answer" in content:
            yield unpack(kind, content["answer"])
            continue
        error_kind: type[StoreError] = getattr(errors, content["error"])
        yield error_kind(*content["words"], **content["advice"])
