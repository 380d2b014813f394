"""An audit, made once from its file of SQL: what its header says, and how it is run and judged."""

from __future__ import annotations

import re
import shlex
import time
from dataclasses import dataclass
from string import Template
from typing import Any

import pyarrow as pa

from notmnist_store.audits.verdicts import Scope, Verdict, parse_share, status_of
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import Query, bind, sql_folder
from notmnist_store.catalog.split_sets import find_split_set, keep_order
from notmnist_store.errors import DamageError, LimitError, QueryError, StoreError
from notmnist_store.near.evidence import lacking, not_known, search_words
from notmnist_store.schema.words import SEVERITIES

_PROGRAM = "notmnist-store"
_REQUIRED = ("grain", "severity", "tolerance", "total")
_PAIR, _CROSSING, _TELLING = "pair", "crossing", "telling"
_EVIDENCE = (_PAIR, _CROSSING, _TELLING)
_PARAMETER = re.compile(r"\$([a-z_][a-z0-9_]*)")
FAMILY = "family"
"""What images belong together by, where nothing else is said."""

_OF_COPIES = ("audit", "peek", "sanitize")


@dataclass(frozen=True, kw_only=True)
class Audit(Query):
    """A query whose rows are violations; `fault` says why its header makes it no audit.

    `total` is a SELECT of how many it looked at, `needs` the evidence that it stands on: pairs of
    all images, those across the splits of its split set, or what `distinguish` found. `suspects` is
    a SELECT of one number: where it is 0, the statement need not run.
    """

    severity: str
    tolerance: float | None
    total: str
    needs: str | None
    suspects: str | None
    next: str | None
    fault: str | None

    @classmethod
    def of(cls, query: Query) -> Audit:
        """The audit that the header of a query declares."""
        header = query.header
        severity = header.get("severity")
        return cls(
            **vars(query),
            severity=severity if severity in SEVERITIES else "must",
            tolerance=parse_share(header.get("tolerance", "")),
            total=header.get("total", ""),
            needs=header.get("needs"),
            suspects=header.get("suspects"),
            next=header.get("next") or None,
            fault=_fault(query),
        )

    @property
    def users_file(self) -> str | None:
        """Its file where that is none of ours."""
        return None if self.path.is_relative_to(sql_folder()) else str(self.path)

    def rows(self, catalog: Catalog, scope: Scope) -> pa.Table:
        """Its violating rows."""
        try:
            return self._rows(catalog, bind(self, scope.values(self), catalog.shape))
        except (DamageError, LimitError):
            raise
        except StoreError as error:
            raise self._broken(error) from error

    def judge(
        self, catalog: Catalog, scope: Scope, tolerance: float | None = None
    ) -> tuple[Verdict, pa.Table]:
        """The verdict, and the violating rows; `tolerance` goes before its own."""
        started = time.perf_counter()
        try:
            if self.fault is not None:
                example = sql_folder() / "audits" / "label_imbalance.sql"
                raise QueryError(self.fault, f"cat {shlex.quote(str(example))}")
            stale = self._stale(catalog, scope)
            values = bind(self, scope.values(self), catalog.shape)
            total = self._total(catalog, values)
            rows = self._rows(catalog, values)
        except (DamageError, LimitError):
            raise
        except StoreError as error:
            raise self._broken(error) from error
        borne = self.tolerance if tolerance is None else tolerance
        assert borne is not None, "else its header would have a fault"
        status = "stale" if stale is not None else status_of(rows.num_rows, total, borne)
        verdict = Verdict(
            name=self.name,
            severity=self.severity,
            status=status,
            seconds=round(time.perf_counter() - started, 3),
            violating=rows.num_rows,
            total=total,
            tolerance=borne,
            next=None
            if status == "pass"
            else self._next(catalog, scope, is_stale=stale is not None),
            overridden=self.users_file,
            error=None if stale is None else f"audit {self.name} is stale: {stale}",
            grain=self.header["grain"],
        )
        return verdict, rows

    def broken(self, scope: Scope, tolerance: float | None, started: float, error: str) -> Verdict:
        """The verdict where it could not run; `started` is of `time.perf_counter`."""
        return Verdict(
            name=self.name,
            severity=self.severity,
            status="broken",
            seconds=round(time.perf_counter() - started, 3),
            tolerance=self.tolerance if tolerance is None else tolerance,
            next=self._shows_rows(scope),
            overridden=self.users_file,
            error=error,
        )

    def _stale(self, catalog: Catalog, scope: Scope) -> str | None:
        """What the evidence that it needs does not know, or None where that knows all images."""
        if self.needs is None:
            return None
        split_set = self._split_set(scope)
        if self.needs == _TELLING:
            tried = "select 1 from telling_image where split_set = $split_set limit 1"
            if len(catalog.query(tried, {"split_set": split_set or scope.split_set})):
                return None
            return "nothing has tried to tell the splits apart"
        images = lacking(catalog, split_set=split_set, crossing=self.needs == _CROSSING)
        return not_known(catalog, images) if images else None

    def _split_set(self, scope: Scope) -> str | None:
        """The split set that it is about, where it is about one."""
        return scope.split_set if "split_set" in self.parameters else None

    def _total(self, catalog: Catalog, values: dict[str, Any]) -> int:
        used = {name: values[name] for name in _PARAMETER.findall(self.total) if name in values}
        counted = catalog.query(self.total, used)
        is_one = (counted.num_rows, counted.num_columns) == (1, 1)
        count = counted.column(0)[0].as_py() if is_one else None
        if not isinstance(count, int):
            raise QueryError(
                "its total is not one whole number", "notmnist-store audit image_blank"
            )
        return count

    def _rows(self, catalog: Catalog, values: dict[str, Any]) -> pa.Table:
        sql = self.sql
        if self.suspects and not catalog.query(self.suspects).column(0)[0].as_py():
            sql = f"select * from ({sql}) limit 0"
        return catalog.query(sql, values)

    def _broken(self, error: StoreError) -> QueryError:
        """`error` with the name; DuckDB's own does not say that a parameter is undeclared."""
        message, hint = error.message, error.hint
        unknown = [name for name in _PARAMETER.findall(self.sql) if name not in self.parameters]
        if unknown and self.fault is None:
            message = (
                f"it uses ${unknown[0]}, but its header has no line "
                f"'-- param {unknown[0]}: TYPE = …'"
            )
            hint = "notmnist-store audit --help"
        return QueryError(f"audit {self.name} is broken: {message}", hint)

    def _next(self, catalog: Catalog, scope: Scope, *, is_stale: bool) -> str:
        """The command to go on with: that of its header, or else the one that shows its rows."""
        if is_stale and self.needs == _TELLING:
            return shlex.join([_PROGRAM, "distinguish", "--split-set", scope.split_set])
        if is_stale:
            within = [] if scope.radius is None else ["--radius", scope.radius.text]
            crossing = self._split_set(scope) if self.needs == _CROSSING else None
            search = search_words(catalog, crossing)
            return shlex.join([*search, *within, *scope.transforms.option])
        if self.next is None:
            return self._shows_rows(scope)
        known = {"split_set": scope.split_set, "group_by": scope.group_by or FAMILY}
        if "$keep" in self.next:
            keep = keep_order(catalog, find_split_set(catalog, scope.split_set))
            known["keep"] = ",".join(keep)
        words = [Template(word).safe_substitute(known) for word in shlex.split(self.next)]
        return self._command(words, scope)

    def _shows_rows(self, scope: Scope) -> str:
        split_set = self._split_set(scope)
        of_split_set = [] if split_set is None else ["--split-set", split_set]
        return self._command(["audit", self.name, *of_split_set], scope)

    def _command(self, words: list[str], scope: Scope) -> str:
        """A command line of these words, at this radius and with the user's file again."""
        command = words[0]
        if command in _OF_COPIES and "radius" in self.parameters and scope.radius is not None:
            words = [*words, "--radius", scope.radius.text]
        if command in _OF_COPIES and "transforms" in self.parameters:
            words = [*words, *scope.transforms.option]
        if command == "audit" and "group_by" in self.parameters and scope.group_by is not None:
            words = [*words, "--group-by", scope.group_by]
        if self.users_file is not None and (command == "audit" or "--audit" in words):
            words = [*words, "--sql-dir", str(self.path.parent)]
        return shlex.join([_PROGRAM, *words])


def _fault(query: Query) -> str | None:
    """What is wrong with the header of an audit, or None."""
    header, where = query.header, f"the header of {query.path}"
    missing = [f"'-- {key}: …'" for key in _REQUIRED if key not in header]
    if missing:
        return f"{where} lacks {', '.join(missing)}"
    if header["severity"] not in SEVERITIES:
        return f"{where} has no severity {header['severity']!r}; it is {', '.join(SEVERITIES)}"
    if parse_share(header["tolerance"]) is None:
        return f"{where} has a tolerance that is no share from 0 to 1: {header['tolerance']}"
    try:
        shlex.split(header.get("next", ""))
    except ValueError:
        return f"{where} has a next that is no command: {header['next']}"
    needs = header.get("needs")
    if needs is not None and needs not in _EVIDENCE:
        return f"{where} needs {needs!r}; there is {', '.join(_EVIDENCE)}"
    return None
