"""What the page asks the store: reports and audits by name, each once, with what is missing."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from notmnist_store.audits.audit import audit_store, find_audits
from notmnist_store.audits.verdicts import Scope, Verdict
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import Query, bind, load_queries
from notmnist_store.catalog.split_sets import find_split_set, keep_order
from notmnist_store.errors import QueryError
from notmnist_store.near.evidence import check_transforms
from notmnist_store.progress import Progress
from notmnist_store.schema.transforms import NONE, Transforms
from notmnist_store.storage.tables import Tables


@dataclass(frozen=True)
class Need:
    """Evidence that a query stands on: a SELECT with rows where it is there, and who makes it."""

    sql: str
    missing: str
    command: str


PAIRS = Need(
    "select 1 as there from coverage where evidence = 'pair' and split_set is null limit 1",
    "Near copies were not searched for among all images yet: two pictures that differ by a few "
    "grey values count as two here.",
    "notmnist-store near-duplicates",
)
CROSSING = replace(
    PAIRS,
    sql="select 1 as there from coverage where evidence = 'pair' "
    "and (split_set is null or split_set = $split_set) limit 1",
)
SUSPECTS = Need(
    "select 1 as there from suspect_search where split_set = $split_set and is_newest",
    "Labels that are likely wrong were not searched for yet in this split set.",
    "notmnist-store suspects --split-set $split_set",
)
SCORES = Need(
    "select 1 as there from score where split_set = $split_set limit 1",
    "No baseline was trained on this split set yet, so nothing says what its leaks are worth.",
    "notmnist-store baseline --split-set $split_set",
)
NEEDS = {
    **dict.fromkeys(("near_overlap_matrix", "certificates"), CROSSING),
    **dict.fromkeys(("distance_histogram", "label_conflict_near"), PAIRS),
    **dict.fromkeys(("near_groups", "near_group_pictures"), PAIRS),
    "suspects": SUSPECTS,
    **dict.fromkeys(("scores", "leak_inflation"), SCORES),
}
"""What reports and audits stand on, by their names."""


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
    """One store, seen through one split set; `tolerances` go before those of the audits.

    Near copies may have moved by one of `transforms`.
    """

    def __init__(
        self,
        tables: Tables,
        catalog: Catalog,
        split_set: str,
        tolerances: Mapping[str, float] | None = None,
        transforms: Transforms = NONE,
    ) -> None:
        self.version = find_split_set(catalog, split_set)
        self.split_set = split_set
        self.tolerances = tolerances or {}
        self.tables = tables
        self.marker = tables.marker
        self.catalog = catalog
        self.audits = {audit.name: audit for audit in find_audits([])}
        self.verdicts: dict[str, Verdict] = {}
        check_transforms(catalog, transforms)
        self.transforms = transforms
        self._scope = Scope(split_set, transforms=transforms)
        self._reports = load_queries("reports")
        self._answers: dict[str, Answer] = {}

    def judge(self, progress: Progress) -> None:
        """Run all audits; `verdicts` has what they say."""
        with suppress(QueryError):  # where pairs cannot be read, each query says so itself
            self.catalog.hold("pair")
        verdicts = audit_store(
            self.catalog,
            list(self.audits.values()),
            scope=self._scope,
            tolerances=self.tolerances,
            progress=progress,
        )
        self.verdicts = {verdict.name: verdict for verdict in verdicts}

    def ask(self, name: str) -> Answer:
        """The rows of a report or an audit, read once; a query that cannot run says why."""
        if name not in self._answers:
            self._answers[name] = self._ask(name)
        return self._answers[name]

    @property
    def audit_command(self) -> str:
        """The command that runs the audits of the page."""
        borne = "".join(f" --tolerance {name}={v}" for name, v in self.tolerances.items())
        words = ["notmnist-store audit --split-set $split_set", *self.transforms.option]
        return self.filled(f"{' '.join(words)}{borne}")

    def _ask(self, name: str) -> Answer:
        audit, need = self.audits.get(name), NEEDS.get(name)
        query = audit or self._reports[name]
        command = self._command(query, is_audit=audit is not None)
        if need is not None and not self._has(need):
            return Answer(query, command, pa.table({}), need.missing, self.filled(need.command))
        try:
            if audit is not None:
                rows = audit.rows(self.catalog, self._scope)
            else:
                given = self._scope.values(query)
                rows = self.catalog.query(query.sql, bind(query, given, self.catalog.shape))
        except QueryError as error:
            return Answer(query, command, pa.table({}), error.message, error.hint)
        return Answer(query, command, rows)

    def _has(self, need: Need) -> bool:
        used = {"split_set": self.split_set} if "$split_set" in need.sql else {}
        return bool(self.catalog.query(need.sql, used).num_rows)

    def filled(self, command: str) -> str:
        """A command with this split set for $split_set, its order of keeping for $keep."""
        if "$keep" in command:
            command = command.replace("$keep", ",".join(keep_order(self.catalog, self.version)))
        return command.replace("$split_set", shlex.quote(self.split_set))

    def _command(self, query: Query, *, is_audit: bool) -> str:
        verb, option = ("audit", "--split-set ") if is_audit else ("sql", "--param split_set=")
        chosen = f" {option}$split_set" if "split_set" in query.parameters else ""
        if "transforms" in query.parameters and self.transforms != NONE:
            option = "--transforms " if is_audit else "--param transforms="
            chosen += f" {option}{self.transforms}"
        return self.filled(f"notmnist-store {verb} {query.name}{chosen} --format csv")
