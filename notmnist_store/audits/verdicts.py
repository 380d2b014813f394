"""What an audit found, judged: its violating rows, as a share of what it looked at."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import Query, bind, sql_folder
from notmnist_store.errors import QueryError, StoreError
from notmnist_store.near.evidence import seconds_needed
from notmnist_store.schema.radius import Radius
from notmnist_store.schema.words import SEVERITIES

STATUSES = {
    "pass": "the share of violations is within the tolerance",
    "fail": "it is above",
    "empty": "there was nothing to look at",
    "stale": "what it stands on (pairs of near copies) does not know all images",
    "broken": "the audit could not run",
}
_EVERY_AUDIT_SAYS = ("grain", "severity", "tolerance", "total")
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


_UNCOVERED = {
    False: """
select count(*) as images
from image
left join coverage on coverage.image_run = image.run_id and coverage.evidence = $evidence
where coverage.image_run is null
""",
    True: """
select count(*) as images
from split_image
inner join image on image.image_id = split_image.image_id
left join coverage on coverage.image_run = image.run_id and coverage.evidence = $evidence
where split_image.split_set = $split_set and split_image.split in ('train', 'valid', 'test')
    and coverage.image_run is null
""",
}
_EVIDENCE = {"pair": ("near-duplicates", seconds_needed)}


@dataclass(frozen=True)
class Scope:
    """What audits look at: a split set, and near copies up to a radius (None: each its own)."""

    split_set: str = "ingest"
    radius: Radius | None = None

    def values(self, audit: Query) -> dict[str, Any]:
        """Of these the ones that the audit takes, by the names of its parameters."""
        given = {"split_set": self.split_set, "radius": self.radius}
        return {k: v for k, v in given.items() if k in audit.parameters and v is not None}

    def options(self, audit: Query) -> str:
        """The same as options of the command line, each with a space before it."""
        values = self.values(audit)
        named = {"split_set": "--split-set", "radius": "--radius"}
        return "".join(f" {option} {values[k]}" for k, option in named.items() if k in values)


@dataclass(frozen=True)
class Verdict:
    """What one audit found: `status` is one of STATUSES, `share` is violating / total.

    `next` is a command to go on with where it did not pass, `overridden` the user's file that was
    run, `error` why it is broken or stale. What a broken audit never counted is None.
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


def parse_share(text: str) -> float | None:
    """A number from 0 to 1, or None where the text is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


def audit_one(
    catalog: Catalog, audit: Query, scope: Scope, tolerance: float | None = None
) -> tuple[Verdict, pa.Table]:
    """The verdict on one audit, and its violating rows; `tolerance` goes before its own.

    Raises:
        QueryError: the audit is broken; the message says how.
    """
    started = time.perf_counter()
    _check_header(audit)
    if tolerance is None:
        tolerance = float(audit.header["tolerance"])
    stale = _stale(catalog, audit, scope)
    total = _total(catalog, audit, scope)
    rows = audit_rows(catalog, audit, scope)
    violating = rows.num_rows
    share = violating / total if total else None
    if stale is not None:
        status = "stale"
    elif share is None:
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
        next=_next(audit, scope, status),
        overridden=_users_file(audit),
        error=None if stale is None else f"audit {audit.name} is stale: {stale}",
    )
    return verdict, rows


def _stale(catalog: Catalog, audit: Query, scope: Scope) -> str | None:
    """What the evidence that the audit needs does not know, or None where it knows all images."""
    evidence = audit.header.get("needs")
    if evidence is None:
        return None
    if evidence not in _EVIDENCE:
        wrong = QueryError(
            f"the header of {audit.path} needs {evidence!r}; there is {', '.join(_EVIDENCE)}",
            "notmnist-store audit --help",
        )
        raise _located(audit, wrong)
    of_split_set = "split_set" in audit.parameters
    values = {"evidence": evidence} | ({"split_set": scope.split_set} if of_split_set else {})
    try:
        lacking = catalog.query(_UNCOVERED[of_split_set], values)["images"][0].as_py()
        images = catalog.query("select count(*) as images from image")["images"][0].as_py()
    except StoreError as error:
        raise _located(audit, error) from error
    if not lacking:
        return None
    verb, seconds = _EVIDENCE[evidence]
    return (
        f"{lacking:,} images are not known to {verb}, which takes about "
        f"{seconds(images):,.0f} s here"
    )


def audit_rows(catalog: Catalog, audit: Query, scope: Scope) -> pa.Table:
    """The violating rows of one audit.

    Raises:
        QueryError: the audit is broken; the message says how.
    """
    try:
        values = bind(audit, scope.values(audit), catalog.shape)
        sql = audit.sql if _has_suspects(catalog, audit) else f"select * from ({audit.sql}) limit 0"
        return catalog.query(sql, values)
    except StoreError as error:
        raise _located(audit, _undeclared(audit) or error) from error


def _has_suspects(catalog: Catalog, audit: Query) -> bool:
    """Whether there is anything that the audit would look at closely, where its header can tell."""
    counted = audit.header.get("suspects")
    return counted is None or bool(catalog.query(counted).column(0)[0].as_py())


def _undeclared(audit: Query) -> QueryError | None:
    """Where a parameter is undeclared, DuckDB's own message does not say so."""
    unknown = [name for name in _PARAMETER.findall(audit.sql) if name not in audit.parameters]
    if not unknown:
        return None
    return QueryError(
        f"it uses ${unknown[0]}, but its header has no line '-- param {unknown[0]}: TYPE = …'",
        "notmnist-store audit --help",
    )


def _located(audit: Query, error: StoreError) -> QueryError:
    return QueryError(f"audit {audit.name} is broken: {error.message}", error.hint)


def broken(
    audit: Query, scope: Scope, tolerance: float | None, started: float, error: str
) -> Verdict:
    """The verdict on an audit that could not run; `started` is of `time.perf_counter`."""
    severity = audit.header.get("severity")
    return Verdict(
        name=audit.name,
        severity=severity if severity in SEVERITIES else "must",
        status="broken",
        violating=None,
        total=None,
        share=None,
        tolerance=parse_share(audit.header.get("tolerance", ""))
        if tolerance is None
        else tolerance,
        seconds=round(time.perf_counter() - started, 3),
        next=_own_rows(audit, scope),
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
    elif parse_share(header["tolerance"]) is None:
        reason = f"{where} has a tolerance that is no share from 0 to 1: {header['tolerance']}"
    else:
        return
    raise _located(audit, QueryError(reason, "notmnist-store audit label_imbalance"))


def _total(catalog: Catalog, audit: Query, scope: Scope) -> int:
    """What the audit looked at: the one number of its header's SELECT."""
    sql = audit.header["total"]
    try:
        values = bind(audit, scope.values(audit), catalog.shape)
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


def _next(audit: Query, scope: Scope, status: str) -> str | None:
    """What to do about this status: the command of the audit's header, or else to see its rows."""
    if status == "pass":
        return None
    if status == "stale":
        verb, _ = _EVIDENCE[audit.header["needs"]]
        return f"notmnist-store {verb}{'' if scope.radius is None else f' --radius {scope.radius}'}"
    if "next" not in audit.header:
        return _own_rows(audit, scope)
    command = audit.header["next"].replace("$split_set", scope.split_set)
    if scope.radius is not None and command.startswith(("sanitize", "peek")):
        command += f" --radius {scope.radius}"
    return f"notmnist-store {command}{_folder_option(audit, command)}"


def _own_rows(audit: Query, scope: Scope) -> str:
    options = f"{scope.options(audit)}{_folder_option(audit, 'audit')}"
    return f"notmnist-store audit {audit.name}{options}"


def _folder_option(audit: Query, command: str) -> str:
    is_run_again = command.startswith(("audit", "peek --audit", "peek --pairs --audit"))
    if _users_file(audit) is None or not is_run_again:
        return ""
    return f" --sql-dir {shlex.quote(str(audit.path.parent))}"


def verdict_rows(verdicts: Sequence[Verdict]) -> pa.Table:
    """Verdicts as a table, one row each."""
    return pa.Table.from_pylist([vars(verdict) for verdict in verdicts], schema=_SCHEMA)
