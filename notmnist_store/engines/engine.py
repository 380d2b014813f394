"""An engine: where statements and kernels run. This one is the local machine.

What another engine does is the same by the same methods: never another result.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.catalog.connection import Catalog
from notmnist_store.errors import StoreError
from notmnist_store.location.location import Location
from notmnist_store.machine import available_cores
from notmnist_store.progress import Progress
from notmnist_store.storage.tables import Tables

Job = TypeVar("Job")
Answer = TypeVar("Answer")


class Engine:
    """This machine: DuckDB for the statements, its cores for the kernels.

    together      so many jobs of a verb are given at once, before any of them is committed
    box_pictures  about so many pictures are compared by one task; None: all in this process
    """

    together = 1
    box_pictures: int | None = None

    @property
    def processes(self) -> int:
        """How many processes one job may start."""
        return available_cores()

    @property
    def threads(self) -> int:
        """How many threads one job may use."""
        return os.cpu_count() or 1

    def reached(self, place: Location) -> Location:
        """A place as jobs name it, wherever they run."""
        return place

    def catalog(self, tables: Tables, memory: float | None = None) -> Catalog:
        """A catalog that shows the store as it is now; `memory` is DuckDB's, in GiB."""
        return Catalog(tables, memory)

    def run(
        self,
        work: Callable[[Job, Progress], Answer],
        jobs: Sequence[Job],
        kind: type[Answer],
        progress: Progress,
        title: str,
    ) -> Iterator[Answer | StoreError]:
        """What `work`, a function of a module, gives for each job, in their order.

        A job may run twice, or in part, before its answer comes: it writes nothing that another
        run of it could meet. Jobs and answers (of `kind`) are dataclasses. `title` says what the
        jobs are, in a word.
        """
        for job in jobs:
            answer: Answer | StoreError
            try:
                answer = work(job, progress)
            except StoreError as error:
                answer = error
            yield answer

    def shuffle(
        self,
        spread: Callable[[Job], Iterator[pa.RecordBatch]],
        jobs: Sequence[Job],
        schema: pa.Schema,
        gather: Callable[[int, pa.Table], Answer],
        kind: type[Answer],
        progress: Progress,
        title: str,
    ) -> Iterator[Answer | StoreError]:
        """What `gather` gives for each task, of all rows that the jobs spread to it.

        Rows have this schema, with the number of the task in column `task`, and come in any order.
        The rest is as with `run`.
        """
        held: dict[int, list[pa.Table]] = {}
        for job in jobs:
            for batch in spread(job):
                rows = pa.Table.from_batches([batch], schema)
                for task in pc.unique(rows["task"]).to_pylist():
                    held.setdefault(task, []).append(rows.filter(pc.equal(rows["task"], task)))

        def gathered(task: int, progress: Progress) -> Answer:
            return gather(task, pa.concat_tables(held.pop(task)))

        yield from self.run(gathered, sorted(held), kind, progress, title)
