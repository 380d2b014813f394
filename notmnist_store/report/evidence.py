"""What the page asks the store: reports and audits by name, each once, with what is missing."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from notmnist_store.audits.audit import audit_store, find_audits
from notmnist_store.audits.verdicts import Scope, Verdict
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import Query, bind, load_queries
from notmnist_store.catalog.split_sets import find_split_set
from notmnist_store.errors import QueryError
from notmnist_store.progress import Progress
from notmnist_store.storage.tables import Tables


@dataclass(frozen=True)
class Need:
    """Evidence that a query stands on: a SELECT with rows where it is there, and who makes it."""

    sql: str
    missing: str
    command: str


@dataclass(frozen=True)
class Read:
    """A report or (of `kind` "audits") an audit that a section reads."""

    name: str
    kind: str = "reports"
    need: Need | None = None


@dataclass(frozen=True)
class Answer:
    """The rows of a query, or, in `missing` and `remedy`, why there are none to be had.

    `command` prints all of them.
    """

    query: Query
    command: str
    table: pa.Table
    missing: str | None = None
    remedy: str | None = None

    def rows(self, most: int | None = None) -> list[dict[str, Any]]:
        """The first rows, all by default."""
        shown = self.table if most is None else self.table.slice(0, most)
        return list(shown.to_pylist())

    def __len__(self) -> int:
        return int(self.table.num_rows)


class Evidence:
    """One store, seen through one split set."""

    def __init__(self, tables: Tables, catalog: Catalog, split_set: str) -> None:
        self.version = find_split_set(catalog, split_set)
        self.split_set = split_set
        self.marker = tables.marker
        self.catalog = catalog
        self.audits = {audit.name: audit for audit in find_audits([])}
        self.verdicts: dict[str, Verdict] = {}
        self._scope = Scope(split_set)
        self._reports = load_queries("reports")
        self._answers: dict[str, Answer] = {}

    def judge(self, progress: Progress) -> None:
        """Run all audits; `verdicts` has what they say."""
        verdicts = audit_store(
            self.catalog,
            list(self.audits.values()),
            scope=self._scope,
            tolerances={},
            progress=progress,
        )
        self.verdicts = {verdict.name: verdict for verdict in verdicts}

    def ask(self, read: Read) -> Answer:
        """The rows of a report or an audit, read once; a query that cannot run says why."""
        if read.name not in self._answers:
            self._answers[read.name] = self._ask(read)
        return self._answers[read.name]

    def _ask(self, read: Read) -> Answer:
        query = (self.audits if read.kind == "audits" else self._reports)[read.name]
        command = self._command(read, query)
        if read.need is not None and not self._has(read.need):
            remedy = self.filled(read.need.command)
            return Answer(query, command, pa.table({}), read.need.missing, remedy)
        try:
            if read.kind == "audits":
                rows = self.audits[read.name].rows(self.catalog, self._scope)
            else:
                given = {"split_set": self.split_set} if "split_set" in query.parameters else {}
                rows = self.catalog.query(query.sql, bind(query, given, self.catalog.shape))
        except QueryError as error:
            return Answer(query, command, pa.table({}), error.message, error.hint)
        return Answer(query, command, rows)

    def _has(self, need: Need) -> bool:
        used = {"split_set": self.split_set} if "$split_set" in need.sql else {}
        return bool(self.catalog.query(need.sql, used).num_rows)

    def filled(self, command: str) -> str:
        """A command with this split set where it says $split_set."""
        return command.replace("$split_set", shlex.quote(self.split_set))

    def _command(self, read: Read, query: Query) -> str:
        verb, option = (
            ("audit", "--split-set ") if read.kind == "audits" else ("sql", "--param split_set=")
        )
        chosen = f" {option}$split_set" if "split_set" in query.parameters else ""
        return self.filled(f"notmnist-store {verb} {read.name}{chosen} --format csv")
