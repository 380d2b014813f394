"""The DuckDB lens over a store: an in-memory connection that can only read this store.

DuckDB never opens a file here. It reads Arrow datasets made from exactly the files of finished
runs, with page checksums verified, under the views of ``sql/views``. The connection has no access
to files or network and its settings are locked. ``views.sql`` gives the same views to a plain
DuckDB; it is the only SQL text with paths in it.
"""

from __future__ import annotations

import math
import re
import threading
import time
import weakref
from collections.abc import Iterable, Mapping
from typing import Any

import duckdb
import pyarrow as pa

from notmnist_store.catalog.names import EXPLAIN, named_in, unsteady
from notmnist_store.catalog.queries import names_read
from notmnist_store.catalog.relations import dataset, file_rows, live, split_set_versions
from notmnist_store.catalog.statements import (
    comment_statements,
    no_rows,
    ordered_views,
    quoted_name,
    quoted_text,
    split_set_schemas,
    versions_shown,
    view_statement,
)
from notmnist_store.catalog.unstoppable import give_up
from notmnist_store.errors import LimitError, QueryError, StoreError
from notmnist_store.location.answers import bucket_error, is_answer
from notmnist_store.location.bucket import BucketPath
from notmnist_store.location.location import Location
from notmnist_store.machine import machine_memory, resident_memory
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.datafile import DataFile, run_of
from notmnist_store.storage.filesystem import MORE_OPEN, TOO_MANY_OPEN, too_many_open
from notmnist_store.storage.pause import reached
from notmnist_store.storage.tables import Tables
from notmnist_store.storage.temporary_folder import TemporaryFolder

_DAMAGE = re.compile(
    r"checksum|thrift|IOError|OSError|StoreError|stream registered|been consumed", re.I
)
_TRACE = re.compile(r"\s+try: notmnist-store verify|[.]? Detail: Python exception: ")
_INTERRUPT_SECONDS = 0.05
_WATCH_SECONDS = 0.05
_HEED_SECONDS = 5.0


class Catalog:
    """The locked connection. It shows the store as it was when the catalog was made."""

    def __init__(self, tables: Tables, memory: float | None = None) -> None:
        """Open it; DuckDB takes at most `memory` GiB, by default half of what the machine has.

        What does not fit goes to a temporary folder where the statement lets it.
        """
        self.shape = tables.marker.shape
        self._memory = int(memory * 2**30) if memory else machine_memory() // 2
        spill = TemporaryFolder()
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",
                "temp_directory": str(spill.path),
                "memory_limit": f"{self._memory}B",
            },
        )
        weakref.finalize(self, spill.remove)
        self._tables = tables
        self._runs = tables.runs()
        self._files: dict[str, list[DataFile]] = {}
        self._views = {view.name: view for view in ordered_views()}
        self._held: dict[str, dict[str, str]] = {}
        self._versions: dict[str, tuple[str, int]] = {}
        # Made when a statement first names it: most statements need little of all this.
        self._unmade = [*(f"stored_{table}" for table in TABLES), "stored_file", *self._views]
        self._names = frozenset(self._unmade)
        self._uncommented = list(self._views.values())
        self._schemas: dict[str, list[str]] | None = None
        # Else DuckDB draws a bar of its own into notebooks and interactive sessions.
        # In a notebook without ipywidgets there is none, and DuckDB refuses to be told.
        bar = self._connection.sql("select current_setting('enable_progress_bar')").fetchall()
        if bar == [(True,)]:
            self._connection.execute("set enable_progress_bar = false")
        self._connection.execute("set enable_external_access = false")
        self._connection.execute("set lock_configuration = true")

    def live_files(self, table: str, run_id: str | None = None) -> list[Location]:
        """Data files with the rows of a table that this catalog shows, or those of one run."""
        return [
            self._tables.path(table, file.name)
            for file in self._files_of(table)
            if file.state == "live" and run_id in (None, run_of(file.name))
        ]

    def _files_of(self, table: str) -> list[DataFile]:
        """Files of a table; those of runs that came after this catalog are unfinished to it."""
        if table not in self._files:
            self._files[table] = self._tables.files(table, self._runs)
        return self._files[table]

    def show_version(self, split_set: str, version: int, name: str) -> None:
        """Show a version of a split set as the current one of another name, too.

        Statements that take a split set's name, and read its current version, then read this one.
        """
        if name in self._versions:
            return
        self._versions[name] = (split_set, version)
        for table in TABLES:
            if "version" in TABLES[table].names and f"stored_{table}" not in self._unmade:
                self._make_stored(table)

    def hold(self, view: str, **only: str) -> Catalog:
        """Compute a view once: later queries, and views over it, read its rows from memory.

        `only` are values of columns: rows with all of them are held, others computed as before.
        Views that were held before with the same `only` show nothing else meanwhile, since the
        rows of a split set follow from its own. What does not fit into memory goes to a folder of
        this catalog.

        Raises:
            QueryError: the view cannot be read.
        """
        if view in self._held:
            return self
        narrowed = [name for name, held in self._held.items() if only and held == only]
        for name in narrowed:
            self._show_held(name, {})
        self._make({view})
        try:
            rows = f"select * from {quoted_name(view)} where {_all_equal(only)}"
            self._run(f"create temp table {quoted_name('held_' + view)} as {rows}", None, None)
        finally:
            for name in narrowed:
                self._show_held(name, only)
        self._held[view] = only
        self._show_held(view, only)
        return self

    def show_rows(self, view: str, rows: pa.Table) -> None:
        """Let a view show these rows, which were computed of it elsewhere."""
        if view in self._unmade:
            self._unmade.remove(view)
        self._connection.register("held_" + view, rows)
        self._held[view] = {}
        self._show_held(view, {})

    def _show_held(self, view: str, only: dict[str, str]) -> None:
        """Let a view show its held rows and, where they are not all, the others behind them."""
        body = f"select * from {quoted_name('held_' + view)}"
        if only:
            body += (
                f" union all select * from ({self._views[view].sql}) where not {_all_equal(only)}"
            )
        self._connection.execute(f"create or replace view {quoted_name(view)} as {body}")

    def query(
        self,
        sql: str,
        values: dict[str, Any] | None = None,
        *,
        rows: Mapping[str, pa.Table] | None = None,
        timeout: float | None = None,
    ) -> pa.Table:
        """Run one SELECT (or EXPLAIN) with bound values; the whole result as a table.

        It may read `rows`, too: tables by the names that this one statement has for them.

        Raises:
            QueryError: more or less than one statement, another kind of statement, whatever
                DuckDB reports, or `timeout` seconds passed.
        """
        given = rows or {}
        for name, table in given.items():
            self._connection.register(name, table)
        try:
            self._check(sql)
            self._make_what_it_names(sql, given)
            result = self._run(sql, values, timeout)
            assert result is not None
            return result
        finally:
            for name in given:
                self._connection.unregister(name)

    def _make_what_it_names(self, sql: str, rows: Iterable[str]) -> None:
        """Make what a statement reads, or all, for DuckDB to list or to say what was meant."""
        named = named_in(self._connection, sql)
        if named is None:
            self._make_all()
            return
        plain = {each.name for each in named if each.schema in ("", "main")}
        schemas = {each.schema for each in named if each.schema not in ("", "main")}
        if not plain <= self._names | set(rows) or (
            schemas and not schemas <= self._split_set_schemas().keys()
        ):
            self._make_all()
        else:
            self._make(plain)
            self._make_schemas(schemas)

    def _make_all(self) -> None:
        self._make(set(self._unmade))
        self._make_schemas(self._split_set_schemas())
        for view in self._uncommented:
            for statement in comment_statements(view):
                self._connection.execute(statement)
        self._uncommented = []

    def _make(self, names: set[str]) -> None:
        """Make the tables and views of these names that are not there, and what they read."""
        needed = names & set(self._unmade)
        found = needed
        while found:
            views = [self._views[name] for name in found & self._views.keys()]
            read = {name for view in views for name in names_read(view.sql)}
            found = (read & set(self._unmade)) - needed
            needed |= found
        for name in [name for name in self._unmade if name in needed]:
            if name in self._views:
                self._connection.execute(view_statement(self._views[name]))
            elif name == "stored_file":
                every = {table: self._files_of(table) for table in TABLES}
                self._connection.register(name, file_rows(every))
            else:
                self._make_stored(name.removeprefix("stored_"))
            self._unmade.remove(name)

    def _make_stored(self, table: str) -> None:
        """Make the view of a table's rows; or anew, with those of `show_version` in it."""
        name, rows = f"stored_{table}", f"rows_of_{table}"
        if table == "run":
            self._connection.register(name, self._runs)
        elif not (files := live(self._files_of(table))):
            body = no_rows(table)
            self._connection.execute(f"create or replace view {quoted_name(name)} as {body}")
        elif self._versions and "version" in TABLES[table].names:
            self._connection.unregister(name)
            self._connection.register(rows, dataset(self._tables, table, files))
            body = versions_shown(table, rows, self._versions)
            self._connection.execute(f"create or replace view {quoted_name(name)} as {body}")
        else:
            self._connection.register(name, dataset(self._tables, table, files))

    def _split_set_schemas(self) -> dict[str, list[str]]:
        """The statements that make a schema of each split set; none where they have been run."""
        if self._schemas is None:
            made = split_set_versions(self._tables, self._files_of("split_set"))
            self._schemas = split_set_schemas(made)
        return self._schemas

    def _make_schemas(self, names: Iterable[str]) -> None:
        """Make the schemas of these split sets."""
        for name in names:
            for statement in self._split_set_schemas()[name]:
                self._make(names_read(statement))
                self._connection.execute(statement)
            self._split_set_schemas()[name] = []

    def _run(
        self, sql: str, values: dict[str, Any] | None, timeout: float | None
    ) -> pa.Table | None:
        """Run one statement in a thread; None where it gives no rows. Raises what `query` does."""
        outcome: list[pa.Table | BaseException | None] = []
        done = threading.Event()

        def run() -> None:
            try:
                relation = self._connection.sql(sql, params=values or None)
                outcome.append(None if relation is None else pa.table(relation.to_arrow_table()))
            except BaseException as error:
                outcome.append(error)
            finally:
                done.set()

        # DuckDB does not look for Ctrl-C while it works, so this thread waits for it instead.
        worker = threading.Thread(target=run)
        worker.start()
        stopped: QueryError | None = None
        before = resident_memory()
        try:
            reached("query begun")
            stopped = self._wait(done, timeout, before)
        finally:
            told = time.monotonic()
            while not done.wait(_INTERRUPT_SECONDS):  # an interrupt that comes too early is lost
                self._connection.interrupt()
                late = time.monotonic() - told > _HEED_SECONDS
                if stopped and (late or resident_memory() - before > self._memory * 2):
                    give_up(stopped)
            worker.join()  # a thread that outlives the interpreter would abort the process
        (result,) = outcome
        if stopped and isinstance(result, duckdb.InterruptException):
            raise stopped from result
        if isinstance(result, duckdb.OutOfMemoryException | MemoryError):
            raise _too_large(self._memory) from result
        if isinstance(result, duckdb.Error | pa.ArrowException | OSError):
            raise self._query_error(result) from result
        if isinstance(result, BaseException):
            raise result
        return result

    def _wait(self, done: threading.Event, timeout: float | None, before: int) -> QueryError | None:
        """Wait for a statement; why it is to stop, if its time ran out or it took too much memory.

        DuckDB counts what it computes with, and not the rows it hands over, which may take half as
        much again.
        """
        started = time.monotonic()
        while True:
            left = math.inf if timeout is None else timeout - (time.monotonic() - started)
            if done.wait(max(0.0, min(left, _WATCH_SECONDS))):
                return None
            if left <= _WATCH_SECONDS:
                return too_slow(timeout)
            if resident_memory() - before > self._memory * 1.5:
                return _too_large(self._memory)

    def check_steady(self, condition: str) -> None:
        """Make sure that a condition is met by the same images each time.

        Raises:
            QueryError: it draws at random, or looks at the clock.
        """
        if found := unsteady(self._connection, f"select 1 where ({condition}\n)"):
            raise QueryError(
                f"a condition that says something else each time makes no split set: {found[0]}",
                "notmnist-store split half --where 'image_id % 2 = 0'",
            )

    def _check(self, sql: str) -> None:
        try:
            explained = EXPLAIN.match(sql)
            statements = self._connection.extract_statements(sql)
            if explained and len(statements) == 1:
                statements = self._connection.extract_statements(sql[explained.end() :])
        except duckdb.Error as error:
            raise self._query_error(error) from error
        if len(statements) != 1:
            raise QueryError(
                f"one SELECT is wanted, not {len(statements)} statements",
                'notmnist-store sql "select count(*) as images from image"',
            )
        if statements[0].type.name != "SELECT":
            raise QueryError(
                f"only SELECT is run here, not {statements[0].type.name}: a store is not changed "
                "by SQL",
                'notmnist-store sql "select count(*) as images from image"',
            )

    def _query_error(self, error: Exception) -> StoreError:
        text, root = str(error), self._tables.root
        if isinstance(root, BucketPath) and is_answer(text):
            return bucket_error(str(root), text)
        if too_many_open(error):
            return LimitError(f"a data file cannot be read: {TOO_MANY_OPEN}", MORE_OPEN)
        if _DAMAGE.search(text) or isinstance(error, pa.ArrowException | OSError):
            said = _TRACE.split(text, maxsplit=1)[0]
            return QueryError(f"a data file is damaged: {said}", "notmnist-store verify")
        return QueryError(text, 'notmnist-store sql "show tables"')


def too_slow(timeout: float | None) -> QueryError:
    """The error of a query that was stopped after so many seconds."""
    return QueryError(
        f"the query was stopped after {timeout:g} seconds; --timeout gives it more",
        "notmnist-store sql --help",
    )


def _too_large(memory: int) -> QueryError:
    return QueryError(
        f"the query takes more than {memory / 2**30:.3g} GiB of memory; --memory gives it more",
        "notmnist-store sql --help",
    )


def _all_equal(values: dict[str, str]) -> str:
    """A condition that rows with all these values of columns meet; without any, all do."""
    equal = [f"{quoted_name(column)} = {quoted_text(value)}" for column, value in values.items()]
    return f"({' and '.join(equal) or 'true'})"
