"""A catalog whose statements over large tables run on Spark; all others are DuckDB's, here.

Spark reads the files that this catalog shows and no others, and each column of them is held to its
checksums there before a statement first reads it. A view over small tables is computed here and
sent. The columns of a result have the types that DuckDB would give them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.errors.exceptions.connect import SparkConnectGrpcException
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.session import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from notmnist_store.catalog.connection import Catalog, too_slow
from notmnist_store.catalog.queries import names_read
from notmnist_store.catalog.statements import quoted_name, versions_shown
from notmnist_store.engines.spark.checked_files import check_files
from notmnist_store.engines.spark.dialect import spark_sql
from notmnist_store.engines.spark.portable import LARGE, ONCE, differences, tables_read
from notmnist_store.errors import QueryError
from notmnist_store.location.location import Location
from notmnist_store.schema.tables import TABLES
from notmnist_store.storage.datafile import DataFile
from notmnist_store.storage.tables import Tables

_STORED = {f"stored_{table}": table for table in TABLES}
_WORD = re.compile(r"[a-z_][a-z0-9_]*", re.I)
_GONE = "UNAVAILABLE"
_INTERRUPT_SECONDS = 0.5
_SHOWN = 600


class _Shapes(Catalog):
    """A catalog of the same views without a row: it knows the types of what a statement gives."""

    def _files_of(self, table: str) -> list[DataFile]:
        return []


class SparkCatalog(Catalog):
    """The store's views on Spark, in a session of their own."""

    def __init__(self, tables: Tables, session: SparkSession, memory: float | None = None) -> None:
        super().__init__(tables, memory)
        self._session = session
        self._shapes = _Shapes(tables)
        self._there: set[str] = set()
        self._checked: dict[str, set[str]] = {}

    def show_version(self, split_set: str, version: int, name: str) -> None:
        """As the local catalog does; what was made of the tables before is made anew."""
        before = dict(self._versions)
        super().show_version(split_set, version, name)
        if self._versions != before:
            self._there.clear()
            self._shapes.show_version(split_set, version, name)

    def hold(self, view: str, **only: str) -> Self:
        """Nothing: Spark plans over views, and what it keeps is its own to know."""
        return self

    def query(
        self,
        sql: str,
        values: dict[str, Any] | None = None,
        *,
        rows: Mapping[str, pa.Table] | None = None,
        timeout: float | None = None,
    ) -> pa.Table:
        """As the local catalog does, on Spark where the statement reads large tables.

        Raises:
            QueryError: also what may give another result there.
        """
        given = rows or {}
        reached = tables_read(names_read(sql) - given.keys())
        once = sorted(reached & ONCE - self._there)
        if once or reached & LARGE:
            with self._limited(timeout):
                for view in once:
                    few = self._run_there(self._views[view].sql, {}, {})
                    self.show_rows(view, few)
                    self._send(view, few)
                    self._there.add(view)
                if reached & LARGE:
                    self._check(sql)
                    return self._run_there(sql, values or {}, given)
        return super().query(sql, values, rows=rows, timeout=timeout)

    def _run_there(
        self, sql: str, values: dict[str, Any], rows: Mapping[str, pa.Table]
    ) -> pa.Table:
        """The rows of one statement, after what it reads was checked and made there."""
        shape = self._shapes.query(f"select * from ({sql}\n) limit 0", values, rows=rows).schema
        _refuse_other_results(sql)
        for name, table in rows.items():
            self._send(name, table)
        read = names_read(sql) - rows.keys()
        for name in sorted(read):
            self._make_there(name)
        self._check_columns(sql, read)
        found = self._session.sql(spark_sql(sql, values)).toArrow()
        return found.rename_columns(shape.names).cast(shape)

    def _check_columns(self, sql: str, read: set[str]) -> None:
        """Hold the columns that a statement can read of large tables to their checksums."""
        reached = tables_read(read)
        texts = [sql, *(self._views[name].sql for name in reached & self._views.keys())]
        words = {word.lower() for text in texts for word in _WORD.findall(text)}
        for stored in sorted(reached & LARGE):
            every = set(TABLES[_STORED[stored]].names)
            named = every if stored in read else every & words
            unchecked = sorted(named - self._checked.get(stored, set()))
            if unchecked and (paths := self.live_files(_STORED[stored])):
                check_files(self._session, paths, unchecked)
                self._checked.setdefault(stored, set()).update(unchecked)

    def _make_there(self, name: str) -> None:
        """Make a view or table there by its name here, and what it reads; other names are none."""
        if name in self._there or not (name in self._views or name in _STORED):
            return
        if not tables_read({name}) & LARGE:
            self._send(name, super().query(f"select * from {quoted_name(name)}"))
        elif name in self._views:
            for other in sorted(names_read(self._views[name].sql)):
                self._make_there(other)
            frame = self._session.sql(spark_sql(self._views[name].sql, {}))
            self._name(name, frame)
        else:
            self._read_files(name, _STORED[name])
        self._there.add(name)

    def _read_files(self, name: str, table: str) -> None:
        """Show the rows of exactly the files that count."""
        paths = [_spark_path(path) for path in self.live_files(table)]
        if not paths:
            self._send(name, TABLES[table].empty_table())
            return
        frame = self._session.read.schema(from_arrow_schema(_nullable(TABLES[table])))
        rows = frame.parquet(*paths)
        if not self._versions or "version" not in TABLES[table].names:
            self._name(name, rows)
            return
        self._name(f"rows_of_{table}", rows)
        shown = versions_shown(table, f"rows_of_{table}", self._versions)
        self._name(name, self._session.sql(spark_sql(shown, {})))

    def _send(self, name: str, table: pa.Table) -> None:
        """Show rows from here under a name there."""
        schema = from_arrow_schema(_nullable(table.schema))
        rows = table if table.num_rows else []
        self._name(name, self._session.createDataFrame(rows, schema))

    def _name(self, name: str, frame: DataFrame) -> None:
        frame.createOrReplaceTempView(name)

    @contextmanager
    def _limited(self, timeout: float | None) -> Iterator[None]:
        """Turn errors of Spark under this block into QueryErrors.

        What it is at is interrupted there after `timeout` seconds, and on Ctrl-C.
        """
        done, expired = threading.Event(), threading.Event()

        def interrupt() -> None:
            if done.wait(timeout):
                return
            expired.set()
            while not done.wait(_INTERRUPT_SECONDS):  # between two operations it is lost
                with suppress(PySparkException):
                    self._session.interruptAll()

        if timeout is not None:
            threading.Thread(target=interrupt, daemon=True).start()
        try:
            yield
        except KeyboardInterrupt:
            with suppress(PySparkException):
                self._session.interruptAll()
            raise
        except PySparkException as error:
            if expired.is_set():
                raise too_slow(timeout) from error
            raise _query_error(error) from error
        finally:
            done.set()


def _refuse_other_results(sql: str) -> None:
    """QueryError where Spark may give another result than DuckDB."""
    for part, reason in differences(sql):
        raise QueryError(
            f"on Spark this may give another result: {part[:80]} ({reason}); without --engine it "
            "runs in DuckDB",
            "notmnist-store sql --help",
        )


def _spark_path(path: Location) -> str:
    return str(path.resolve()) if isinstance(path, Path) else f"s3a://{path.bucket}/{path.key}"


def _nullable(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_nullable(True) for field in schema])


def _query_error(error: PySparkException) -> QueryError:
    if isinstance(error, SparkConnectGrpcException) and error.getGrpcStatusCode().name == _GONE:
        return QueryError(
            f"the Spark Connect server is gone, or out of reach: {str(error)[:_SHOWN]}",
            "notmnist-store audit --engine local",
        )
    return QueryError(f"Spark says: {str(error)[:_SHOWN]}", "notmnist-store sql --help")
