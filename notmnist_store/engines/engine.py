"""An engine: where statements and kernels run. This one is the local machine.

What another engine does is the same by the same methods: never another result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

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

    together  so many jobs of a verb are worth to be given at once, before any of them is committed
    """

    together = 1

    @property
    def processes(self) -> int:
        """How many processes one job may start."""
        return available_cores()

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
