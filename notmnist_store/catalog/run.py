"""The frame of a run: all that a command writes becomes visible in one step, or none of it does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa

from notmnist_store.catalog.views_file import refresh_views_file
from notmnist_store.errors import DamageError, StoreError
from notmnist_store.progress import Progress
from notmnist_store.schema.arrays import Ints
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.datafile import DataFile
from notmnist_store.storage.losses import summary
from notmnist_store.storage.once import Once
from notmnist_store.storage.tables import Tables, new_run_id

_FILE_ROWS = 1 << 22


class Run:
    """One run on its way into a store; leaving the block commits it, an error takes it back.

    >>> with Run(tables, "decide", {"by": "ada"}) as run:
    ...     run.write("decision", rows)

    `arguments` are kept as JSON. `columns` are constants: a column that rows lack is filled with
    the constant of its name, `run_id` among them. `row` holds further columns of table run, and
    `check` may raise where other runs forbid this one: it is asked again at the commit.

    Raises, at the end of the block:
        AlreadyDoneError: another run landed under the same `once`.
        StoreError: the store cannot be written; then nothing of the run is in any view.
    """

    def __init__(
        self,
        tables: Tables,
        verb: str,
        arguments: Mapping[str, Any],
        *,
        once: Once | None = None,
        columns: Mapping[str, Any] | None = None,
        started: datetime | None = None,
        progress: Progress | None = None,
        run_id: str | None = None,
    ) -> None:
        self.id = run_id or new_run_id()
        self.started = started or datetime.now(UTC)
        self.row: dict[str, Any] = {
            "verb": verb,
            "arguments": json.dumps(arguments, sort_keys=True),
        }
        self.check: Callable[[], None] = lambda: None
        self.files: dict[str, list[DataFile]] = {}
        self._tables = tables
        self._progress = progress or Progress()
        self.once = once
        self._columns = {**(columns or {}), "run_id": self.id}
        self.inputs: list[dict[str, str]] = []

    def write(self, table: str, rows: pa.Table | Sequence[Mapping[str, Any]]) -> None:
        """Write rows as a data file of the run; no rows, no file."""
        schema = TABLES[table]
        if not isinstance(rows, pa.Table):
            given = [column for column in schema if rows and column.name in rows[0]]
            rows = pa.Table.from_pylist(rows, schema=pa.schema(given))
        if not rows.num_rows:
            return
        columns = [
            rows[column.name]
            if column.name in rows.column_names
            else pa.repeat(pa.scalar(self._columns[column.name], column.type), rows.num_rows)
            for column in schema
        ]
        whole = pa.table(columns, names=schema.names).cast(schema)
        part = len(self.files.get(table, ()))
        self.add([self._tables.write_rows(table, self.id, whole, part)])

    def write_parts(
        self,
        table: str,
        parts: Iterable[pa.Table],
        band: Callable[[pa.Table], Ints] | None = None,
    ) -> None:
        """Write tables of rows as they come, as data files of a few million rows each.

        Rows of a file of one `band`, a small number for each, stand together, the lower ones first:
        who reads a few bands passes over the others.
        """
        held: list[pa.Table] = []
        rows = 0

        def write_held() -> None:
            whole = pa.concat_tables(held)
            if band is not None:
                whole = whole.take(np.argsort(band(whole).astype(np.uint8), kind="stable"))
            self.write(table, whole)

        for part in parts:
            held.append(part)
            rows += part.num_rows
            if rows >= _FILE_ROWS:
                write_held()
                held, rows = [], 0
        if held:
            write_held()

    def add(self, files: Iterable[DataFile]) -> None:
        """Take data files that were written under this run's id."""
        for file in files:
            self.files.setdefault(file.table, []).append(file)

    def reads(self, role: str, runs: Iterable[str]) -> None:
        """Say which runs this one is made from: it counts only as long as they do."""
        self.inputs += [{"input_run": run_id, "role": role} for run_id in runs]

    def ending(self) -> dict[str, Any]:
        """Its row of table run, as far as it is known before it lands."""
        return {
            "run_id": self.id,
            "started_at": self.started,
            "seconds": (datetime.now(UTC) - self.started).total_seconds(),
            "wrote": json.dumps({table: summary(files) for table, files in self.files.items()}),
            **self.row,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._commit()
        except BaseException:
            self._tables.discard(self.id)
            raise
        if error is not None:
            self._tables.discard(self.id)
        else:
            show_runs(self._tables, self._progress)

    def _commit(self) -> None:
        if not land(self._tables, [self], self.check):
            assert self.once is not None
            raise self.once.done()


def land(
    tables: Tables, runs: Sequence[Run], check: Callable[[], None] = lambda: None
) -> list[Run]:
    """Commit what runs wrote, each table once and table run last: all become visible, or none.

    Returns those that landed; others have landed under the `once` of the rest. `check` is for
    `Tables.finish_together`. Whatever goes wrong, nothing is discarded.

    Raises:
        StoreError: the store cannot be written.
    """
    tables.check()
    for run in runs:
        run.write("run_input", run.inputs)
    # `finish_together` asks again; here it saves us from logging rows of no run
    runs = [run for run in runs if run.once is None or not tables.is_done(run.once)]
    if not runs:
        return []
    check()
    for table in TABLES:
        tables.append(table, [file for run in runs for file in run.files.get(table, ())])
    numbers = tables.finish_together([(run.ending(), run.once) for run in runs], check=check)
    return [run for run, number in zip(runs, numbers, strict=True) if number is not None]


def show_runs(tables: Tables, progress: Progress) -> None:
    """Let views.sql show all runs. They are stored: what goes wrong here is only a note.

    Raises:
        DamageError: the store has lost something.
    """
    try:
        refresh_views_file(tables)
    except DamageError:
        raise
    except StoreError as error:
        progress.note(f"the run is stored; views.sql could not be rewritten ({error.message})")
