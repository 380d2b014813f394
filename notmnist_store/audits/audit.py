"""The verb audit: run the files of ``sql/audits`` and judge what they find.

An audit is a SELECT whose rows are violations. Its header says what one row stands for (grain),
how to count what was looked at (``total``), and which share of violations is borne (tolerance).
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from notmnist_store.audits.audit_file import FAMILY, Audit
from notmnist_store.audits.ci import CI_TEXTS
from notmnist_store.audits.verdicts import Scope, Verdict, parse_share, verdict_rows
from notmnist_store.catalog.cached_views import hold_shared
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.catalog.split_sets import find_split_set, unlabelled_note
from notmnist_store.errors import DamageError, LimitError, QueryError, StoreError, UsageError
from notmnist_store.near.evidence import check_radius, check_transforms
from notmnist_store.progress import Progress
from notmnist_store.result import Result
from notmnist_store.schema.words import FAIL_ON, SEVERITIES
from notmnist_store.text import closest, did_you_mean, printable


class AuditResult(Result):
    """Rows of verdicts, or the violating rows of one audit, with the verdicts themselves."""

    suffixes: ClassVar[Mapping[str, str]] = {**Result.suffixes, ".xml": "junit"}

    def __init__(
        self,
        table: pa.Table,
        thumbnails: Callable[[Sequence[int]], dict[int, bytes]] | None,
        verdicts: Sequence[Verdict],
        fail_on: str,
        split_set: str,
    ) -> None:
        super().__init__(table, thumbnails)
        self.verdicts = tuple(verdicts)
        self.passed = not any(verdict.stops(fail_on) for verdict in verdicts)
        self._fail_on = fail_on
        self._split_set = split_set

    def to_bytes(self, form: str) -> bytes:
        """The rows in one of RESULT_FORMATS, or the verdicts in one of CI_FORMATS."""
        if form in CI_TEXTS:
            return CI_TEXTS[form](self.verdicts, self._fail_on, self._split_set).encode()
        return super().to_bytes(form)


def audit(
    catalog: Catalog,
    names: Sequence[str],
    *,
    scope: Scope,
    fail_on: str,
    tolerance: Mapping[str, float | str],
    folder: str | Path | None,
    progress: Progress,
    thumbnails: Callable[[Sequence[int]], dict[int, bytes]] | None = None,
) -> AuditResult:
    """Run audits against one split set: their verdicts, or, of one name alone, its rows."""
    check_fail_on(fail_on)
    audits = find_audits(names, folder)
    tolerances = parse_tolerances(tolerance, [audit.name for audit in audits])
    for note in (find_split_set(catalog, scope.split_set).line, *unlabelled_note(catalog)):
        progress.note(note)
    check_radius(catalog, scope.radius)
    check_transforms(catalog, scope.transforms)
    check_group(catalog, scope.group_by)
    if len(names) == 1:
        verdict, rows = audits[0].judge(catalog, scope, tolerances.get(names[0]))
        return AuditResult(rows, thumbnails, [verdict], fail_on, scope.split_set)
    verdicts = audit_store(catalog, audits, scope=scope, tolerances=tolerances, progress=progress)
    return AuditResult(verdict_rows(verdicts), None, verdicts, fail_on, scope.split_set)


def check_group(catalog: Catalog, group_by: str | None) -> None:
    """Raise UsageError unless images may belong together by this."""
    if group_by in (None, FAMILY):
        return
    found = catalog.query("select distinct name from attribute order by name")["name"].to_pylist()
    if group_by not in found:
        raise UsageError(
            f"--group-by is {FAMILY} or a name in view attribute, not {group_by!r}; "
            + (f"there are {printable(', '.join(found)[:500])}" if found else "that has no rows"),
            f"notmnist-store audit --group-by {shlex.quote(found[0] if found else FAMILY)}",
        )


def check_fail_on(fail_on: str) -> None:
    """Raise UsageError unless this is one of FAIL_ON."""
    if fail_on not in FAIL_ON:
        raise UsageError(
            f"--fail-on is one of {', '.join(FAIL_ON)}, not {fail_on!r}",
            "notmnist-store audit --fail-on should",
        )


def rows_found(
    catalog: Catalog, name: str, scope: Scope, folder: str | Path | None = None
) -> pa.Table:
    """The violating rows of the audit of this name."""
    (found,) = find_audits([name], folder)
    find_split_set(catalog, scope.split_set)
    check_radius(catalog, scope.radius)
    check_transforms(catalog, scope.transforms)
    return found.rows(catalog, scope)


def find_audits(names: Sequence[str], folder: str | Path | None = None) -> list[Audit]:
    """The audits of these names, or all of them; files in `folder` go before ours.

    Files in `folder` that are no audit of ours and have no line ``-- severity:`` are reports.
    """
    ours = load_queries("audits")
    audits = {
        name: Audit.of(query)
        for name, query in load_queries("audits", Path(folder) if folder else None).items()
        if name in ours or "severity" in query.header
    }
    for name in names:
        if name not in audits:
            close = closest(name, audits)
            hint = f"notmnist-store audit{f' {close}' if close else ''}"
            raise UsageError(did_you_mean("audit", name, audits), hint)
    chosen = [audits[name] for name in dict.fromkeys(names)] or list(audits.values())
    return sorted(chosen, key=lambda audit: (SEVERITIES.index(audit.severity), audit.name))


def parse_tolerances(given: Mapping[str, float | str], names: Sequence[str]) -> dict[str, float]:
    """Tolerances of the audits of these names: shares from 0 to 1, one for each name once."""
    tolerances: dict[str, float] = {}
    for name, value in given.items():
        if name not in names:
            close = closest(name, names) or names[0]
            raise UsageError(
                f"--tolerance: {did_you_mean('audit that runs', name, names)}",
                f"notmnist-store audit --tolerance {close}=0.01",
            )
        share = parse_share(str(value))
        if share is None:
            raise UsageError(
                f"a tolerance is a share from 0 to 1, not {value!r}",
                f"notmnist-store audit --tolerance {name}=0.01",
            )
        tolerances[name] = share
    return tolerances


def audit_store(
    catalog: Catalog,
    audits: Sequence[Audit],
    *,
    scope: Scope,
    tolerances: Mapping[str, float],
    progress: Progress,
    found: Callable[[str, pa.Table], None] = lambda name, rows: None,
) -> list[Verdict]:
    """Run each audit and judge it. A broken one is a verdict like the others.

    `found` is told the name of each that ran, and its violating rows.
    """
    statements = [f"{audit.sql}\n{audit.total}" for audit in audits]
    with suppress(QueryError):  # where a view cannot be read, each audit says so itself
        hold_shared(catalog, statements, scope.split_set)
    verdicts = []
    with progress.during("auditing", len(audits), "audits"):
        for done, audit in enumerate(audits):
            tolerance = tolerances.get(audit.name)
            started = time.perf_counter()
            try:
                verdict, rows = audit.judge(catalog, scope, tolerance)
                found(audit.name, rows)
            except (DamageError, LimitError):
                raise
            except StoreError as error:
                verdict = audit.broken(scope, tolerance, started, error.message)
            verdicts.append(verdict)
            progress.advance(done + 1)
    return verdicts
