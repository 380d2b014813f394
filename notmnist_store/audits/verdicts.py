"""What an audit found, judged: its violating rows, as a share of what it looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from notmnist_store.catalog.queries import Query
from notmnist_store.schema.radius import Radius
from notmnist_store.schema.tables import columns
from notmnist_store.schema.transforms import NONE, Transforms
from notmnist_store.text import share_text

STATUSES = {
    "pass": "the share of violations is within the tolerance",
    "fail": "it is above",
    "empty": "there was nothing to look at",
    "stale": "what it stands on (pairs of near copies) does not know all images",
    "broken": "the audit could not run",
}
_SCHEMA = columns(
    "name text?, severity text?, status text?, violating int?, total int?, share float?",
    "tolerance float?, seconds float?, next text?, overridden text?, error text?",
)


@dataclass(frozen=True)
class Scope:
    """What audits look at: a split set, and near copies up to a radius (None: each its own).

    Near copies may have moved by one of `transforms`. `group_by` says what images belong together
    by (None: each audit's own).
    """

    split_set: str = "ingest"
    radius: Radius | None = None
    transforms: Transforms = NONE
    group_by: str | None = None

    def values(self, query: Query) -> dict[str, Any]:
        """Of these the ones that the query takes, by the names of its parameters."""
        given = {
            "split_set": self.split_set,
            "radius": self.radius,
            "transforms": self.transforms,
            "group_by": self.group_by,
        }
        return {k: v for k, v in given.items() if k in query.parameters and v is not None}


@dataclass(frozen=True)
class Verdict:
    """What one audit found: `status` is one of STATUSES, `share` is violating / total.

    `next` is a command to go on with where it did not pass, `overridden` the user's file that was
    run, `error` why it is broken or stale, `grain` what each of the total is. What a broken audit
    never counted is None.
    """

    name: str
    severity: str
    status: str
    seconds: float
    violating: int | None = None
    total: int | None = None
    tolerance: float | None = None
    next: str | None = None
    overridden: str | None = None
    error: str | None = None
    grain: str = ""

    @property
    def share(self) -> float | None:
        """Violating / total, None where nothing was counted."""
        return self.violating / self.total if self.violating is not None and self.total else None

    @property
    def line(self) -> str:
        """One line that says what it looked at, and what came of it."""
        if self.violating is None or self.total is None:
            return f"{self.name}: {self.status}"
        of = f" of grain {self.grain}" if self.grain else ""
        share = "" if self.share is None else f" ({share_text(self.share)})"
        return (
            f"{self.name}: {self.status}; looked at {self.total:,}{of}, found {self.violating:,}"
            f"{share}, {share_text(self.tolerance or 0)} is borne"
        )

    def stops(self, fail_on: str) -> bool:
        """Whether a gate that fails on this severity (`must`, `should`, `never`) stays shut.

        Of severity must only a pass opens it; of severity should it may be empty, too.
        """
        if self.severity == "must":
            return fail_on != "never" and self.status != "pass"
        if self.severity == "should":
            return fail_on == "should" and self.status not in ("pass", "empty")
        return False


def status_of(violating: int, total: int, tolerance: float) -> str:
    """What it means to find so many among so many."""
    if not total:
        return "fail" if violating else "empty"
    return "pass" if violating / total <= tolerance else "fail"


def parse_share(text: str) -> float | None:
    """A number from 0 to 1, or None where the text is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


def verdict_rows(verdicts: Sequence[Verdict]) -> pa.Table:
    """Verdicts as a table, one row each."""
    rows = [{name: getattr(verdict, name) for name in _SCHEMA.names} for verdict in verdicts]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)
