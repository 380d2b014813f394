"""The verb audit: run the files of ``sql/audits`` and judge what they find.

An audit is a SELECT whose rows are violations. Its header says what one row stands for (grain),
how to count what was looked at (``total``), and which share of violations is borne (tolerance).
"""

from __future__ import annotations

import difflib
import re
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from notmnist_store.errors import QueryError, StoreError, UsageError
from notmnist_store.progress import Progress
from notmnist_store.result import Result
from notmnist_store.splits import split_line
from notmnist_store.storage.catalog import Catalog
from notmnist_store.storage.queries import Query, bind, load_queries, sql_folder

__all__ = [
    "FAIL_ON",
    "SEVERITIES",
    "STATUSES",
    "AuditResult",
    "Verdict",
    "audit",
    "audit_one",
    "audit_rows",
    "audit_store",
    "find_audits",
    "parse_tolerances",
    "rows_found",
    "verdict_rows",
]

SEVERITIES = ("must", "should", "info")
STATUSES = {
    "pass": "the share of violations is within the tolerance",
    "fail": "it is above",
    "empty": "there was nothing to look at",
    "broken": "the audit could not run",
}
FAIL_ON = ("must", "should", "never")
_EVERY_AUDIT_SAYS = ("grain", "severity", "tolerance", "total")
_READ_BY_MANY = "duplicate_image"
_PARAMETER = re.compile(r"\$([a-z_][a-z0-9_]*)")
_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("severity", pa.string()),
        ("status", pa.string()),
        ("violating", pa.int64()),
        ("total", pa.int64()),
        ("share", pa.float64()),
        ("tolerance", pa.float64()),
        ("seconds", pa.float64()),
        ("next", pa.string()),
        ("overridden", pa.string()),
        ("error", pa.string()),
    ]
)


@dataclass(frozen=True)
class Verdict:
    """What one audit found: `status` is one of STATUSES, `share` is violating / total.

    `next` is a command to go on with where it did not pass, `overridden` the user's file that was
    run, `error` why it is broken. What a broken audit never counted is None.
    """

    name: str
    severity: str
    status: str
    violating: int | None
    total: int | None
    share: float | None
    tolerance: float | None
    seconds: float
    next: str | None
    overridden: str | None
    error: str | None

    def stops(self, fail_on: str) -> bool:
        """Whether a gate that fails on this severity (`must`, `should`, `never`) stays shut.

        Of severity must only a pass opens it; of severity should it may be empty, too.
        """
        if self.severity == "must":
            return fail_on != "never" and self.status != "pass"
        if self.severity == "should":
            return fail_on == "should" and self.status not in ("pass", "empty")
        return False


class AuditResult(Result):
    """Rows of verdicts, or the violating rows of one audit, with the verdicts themselves."""

    def __init__(
        self,
        table: pa.Table,
        thumbnails: Callable[[Sequence[int]], dict[int, bytes]] | None,
        verdicts: Sequence[Verdict],
        fail_on: str,
    ) -> None:
        super().__init__(table, thumbnails)
        self.verdicts = tuple(verdicts)
        self.passed = not any(verdict.stops(fail_on) for verdict in verdicts)


def audit(
    catalog: Catalog,
    names: Sequence[str],
    *,
    split_set: str,
    fail_on: str,
    tolerance: Mapping[str, float | str],
    folder: str | Path | None,
    progress: Progress,
    thumbnails: Callable[[Sequence[int]], dict[int, bytes]] | None = None,
) -> AuditResult:
    """Run audits against one split set: their verdicts, or, of one name alone, its rows.

    Raises:
        UsageError: an unknown audit, split set or severity; a tolerance that is no share.
        QueryError: the one audit asked for is broken, or `folder` cannot be read.
    """
    if fail_on not in FAIL_ON:
        raise UsageError(
            f"--fail-on is one of {', '.join(FAIL_ON)}, not {fail_on!r}",
            "notmnist-store audit --fail-on should",
        )
    audits = find_audits(names, folder)
    tolerances = parse_tolerances(tolerance, audits)
    progress.note(split_line(catalog, split_set))
    if len(names) == 1:
        verdict, rows = audit_one(catalog, audits[0], split_set, tolerances.get(names[0]))
        return AuditResult(rows, thumbnails, [verdict], fail_on)
    verdicts = audit_store(
        catalog, audits, split_set=split_set, tolerances=tolerances, progress=progress
    )
    return AuditResult(verdict_rows(verdicts), None, verdicts, fail_on)


def rows_found(
    catalog: Catalog, name: str, split_set: str, folder: str | Path | None = None
) -> pa.Table:
    """The violating rows of the audit of this name.

    Raises:
        UsageError: an unknown audit or split set.
        QueryError: the audit is broken, or `folder` cannot be read.
    """
    (found,) = find_audits([name], folder)
    split_line(catalog, split_set)
    return audit_rows(catalog, found, split_set)


def find_audits(names: Sequence[str], folder: str | Path | None = None) -> list[Query]:
    """The audits of these names, or all of them; files in `folder` go before ours.

    Files in `folder` that are no audit of ours and have no line ``-- severity:`` are reports.

    Raises:
        UsageError: an unknown name; the message says which was perhaps meant.
        QueryError: `folder` is not a folder, or a file in it has no title or no statement.
    """
    ours = load_queries("audits")
    audits = {
        name: query
        for name, query in load_queries("audits", Path(folder) if folder else None).items()
        if name in ours or "severity" in query.header
    }
    for name in names:
        if name not in audits:
            close = difflib.get_close_matches(name, audits, n=1)
            meant = f"did you mean {close[0]}?" if close else f"there are {', '.join(audits)}"
            raise UsageError(
                f"there is no audit {name!r}; {meant}",
                f"notmnist-store audit {close[0]}" if close else "notmnist-store audit",
            )
    chosen = [audits[name] for name in dict.fromkeys(names)] or list(audits.values())
    return sorted(chosen, key=_place)


def _place(audit: Query) -> tuple[int, str]:
    severity = audit.header.get("severity", "")
    return (SEVERITIES.index(severity) if severity in SEVERITIES else 0, audit.name)


def parse_tolerances(
    given: Mapping[str, float | str], audits: Sequence[Query]
) -> dict[str, float]:
    """Tolerances by audit: shares from 0 to 1, one for each name once.

    Raises:
        UsageError: not a number from 0 to 1, or no such audit among these.
    """
    names = [audit.name for audit in audits]
    tolerances: dict[str, float] = {}
    for name, value in given.items():
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            meant = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}"
            raise UsageError(
                f"--tolerance names {name!r}, which is no audit that runs; {meant}",
                f"notmnist-store audit --tolerance {(close or names)[0]}=0.01",
            )
        share = _share(str(value))
        if share is None:
            raise UsageError(
                f"a tolerance is a share from 0 to 1, not {value!r}",
                f"notmnist-store audit --tolerance {name}=0.01",
            )
        tolerances[name] = share
    return tolerances


def _share(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


def audit_store(
    catalog: Catalog,
    audits: Sequence[Query],
    *,
    split_set: str,
    tolerances: Mapping[str, float],
    progress: Progress,
) -> list[Verdict]:
    """Run each audit and judge it. A broken one is a verdict like the others."""
    if len(audits) > 1:
        with suppress(QueryError):  # where it cannot be read, each audit says so itself
            catalog.hold(_READ_BY_MANY)
    verdicts = []
    progress.stage("auditing", len(audits), "audits")
    try:
        for done, audit in enumerate(audits):
            tolerance = tolerances.get(audit.name)
            started = time.perf_counter()
            try:
                verdict, _ = audit_one(catalog, audit, split_set, tolerance)
            except StoreError as error:
                verdict = _broken(audit, split_set, tolerance, started, error.message)
            verdicts.append(verdict)
            progress.advance(done + 1)
    finally:
        progress.end()
    return verdicts


def audit_one(
    catalog: Catalog, audit: Query, split_set: str, tolerance: float | None = None
) -> tuple[Verdict, pa.Table]:
    """The verdict on one audit, and its violating rows; `tolerance` goes before its own.

    Raises:
        QueryError: the audit is broken; the message says how.
    """
    started = time.perf_counter()
    _check_header(audit)
    if tolerance is None:
        tolerance = float(audit.header["tolerance"])
    total = _total(catalog, audit, split_set)
    rows = audit_rows(catalog, audit, split_set)
    violating = rows.num_rows
    share = violating / total if total else None
    if share is None:
        status = "fail" if violating else "empty"
    else:
        status = "pass" if share <= tolerance else "fail"
    verdict = Verdict(
        name=audit.name,
        severity=audit.header["severity"],
        status=status,
        violating=violating,
        total=total,
        share=share,
        tolerance=tolerance,
        seconds=round(time.perf_counter() - started, 3),
        next=None if status == "pass" else _next(audit, split_set),
        overridden=_users_file(audit),
        error=None,
    )
    return verdict, rows


def audit_rows(catalog: Catalog, audit: Query, split_set: str) -> pa.Table:
    """The violating rows of one audit.

    Raises:
        QueryError: the audit is broken; the message says how.
    """
    try:
        return catalog.query(audit.sql, bind(audit, _given(audit, split_set)))
    except StoreError as error:
        raise _located(audit, error) from error


def _located(audit: Query, error: StoreError) -> QueryError:
    return QueryError(f"audit {audit.name} is broken: {error.message}", error.hint)


def _broken(
    audit: Query, split_set: str, tolerance: float | None, started: float, error: str
) -> Verdict:
    severity = audit.header.get("severity")
    return Verdict(
        name=audit.name,
        severity=severity if severity in SEVERITIES else "must",
        status="broken",
        violating=None,
        total=None,
        share=None,
        tolerance=_share(audit.header.get("tolerance", "")) if tolerance is None else tolerance,
        seconds=round(time.perf_counter() - started, 3),
        next=_own_rows(audit, split_set),
        overridden=_users_file(audit),
        error=error,
    )


def _check_header(audit: Query) -> None:
    header, where = audit.header, f"the header of {audit.path}"
    missing = [key for key in _EVERY_AUDIT_SAYS if key not in header]
    if missing:
        reason = f"{where} lacks a line '-- {missing[0]}: …'"
    elif header["severity"] not in SEVERITIES:
        reason = f"{where} has no severity {header['severity']!r}; it is {', '.join(SEVERITIES)}"
    elif _share(header["tolerance"]) is None:
        reason = f"{where} has a tolerance that is no share from 0 to 1: {header['tolerance']}"
    else:
        return
    raise _located(audit, QueryError(reason, "notmnist-store audit label_imbalance"))


def _given(audit: Query, split_set: str) -> dict[str, Any]:
    return {"split_set": split_set} if "split_set" in audit.parameters else {}


def _total(catalog: Catalog, audit: Query, split_set: str) -> int:
    """What the audit looked at: the one number of its header's SELECT."""
    sql = audit.header["total"]
    try:
        values = bind(audit, _given(audit, split_set))
        used = {name: values[name] for name in _PARAMETER.findall(sql) if name in values}
        rows = catalog.query(sql, used)
    except StoreError as error:
        raise _located(audit, error) from error
    count = rows.column(0)[0].as_py() if (rows.num_rows, rows.num_columns) == (1, 1) else None
    if not isinstance(count, int):
        wrong = QueryError("its total is not one whole number", "notmnist-store audit image_blank")
        raise _located(audit, wrong)
    return count


def _users_file(audit: Query) -> str | None:
    return None if audit.path.is_relative_to(sql_folder()) else str(audit.path)


def _next(audit: Query, split_set: str) -> str:
    """The command of the audit's header, else the one that prints its rows."""
    if "next" not in audit.header:
        return _own_rows(audit, split_set)
    command = audit.header["next"].replace("$split_set", split_set)
    return f"notmnist-store {command}{_folder_option(audit, command)}"


def _own_rows(audit: Query, split_set: str) -> str:
    option = f" --split-set {split_set}" if "split_set" in audit.parameters else ""
    return f"notmnist-store audit {audit.name}{option}{_folder_option(audit, 'audit')}"


def _folder_option(audit: Query, command: str) -> str:
    is_run_again = command.startswith(("audit", "peek --audit"))
    if _users_file(audit) is None or not is_run_again:
        return ""
    return f" --sql-dir {shlex.quote(str(audit.path.parent))}"


def verdict_rows(verdicts: Sequence[Verdict]) -> pa.Table:
    """Verdicts as a table, one row each."""
    return pa.Table.from_pylist([vars(verdict) for verdict in verdicts], schema=_SCHEMA)
