"""Queues: what there is to judge, as rows of images or of pairs, one after the other."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.audits.audit import find_audits, rows_found
from notmnist_store.audits.verdicts import Scope
from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import bind, load_queries
from notmnist_store.errors import QueryError, StoreError, UsageError
from notmnist_store.near.evidence import current_join
from notmnist_store.report.evidence import CROSSING, PAIRS, SUSPECTS, Need
from notmnist_store.review.calibration import sampled_pairs
from notmnist_store.schema.radius import Radius
from notmnist_store.schema.words import SEVERITIES
from notmnist_store.text import did_you_mean

AUDIT = "audit:"
"""How the name of the queue of an audit begins."""

NEAR_PAIRS = "near_pairs"
"""The name of the queue of near pairs, with which the page opens."""

CALIBRATION = "calibration"
"""The name of the queue of pairs that are to be judged for a radius."""

SQL = "sql"
"""The name of a queue of a SELECT."""

_PART = 2_000
_MOST_ROWS = 1_000_000
_IMAGE, _TWIN = ("image_id", "a"), ("twin_id", "b", "nearest_id")
_NOT_SAID = {*_IMAGE, *_TWIN, "label", "twin_label", "split", "twin_split", "distance", "path"}
_NOT_SAID |= {"squared_distance", "suggested_label", "source", "label_id"}


@dataclass
class Rows:
    """What a queue holds: images, and where it has pairs their twins (0: none), in order.

    suggested  labels that were suggested, where the queue has any
    said       further columns, which a card shows
    more       gives the rows that follow the last, if the queue did not have all at once
    """

    images: list[int]
    twins: list[int]
    suggested: list[str | None] | None = None
    said: pa.Table | None = None
    more: Callable[[Rows], Rows] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def extend(self) -> bool:
        """Fetch the rows that follow; whether there are any."""
        if self.more is None:
            return False
        found = self.more(self)
        self.images += found.images
        self.twins += found.twins
        self.more = found.more
        return bool(found.images)

    @classmethod
    def of(cls, table: pa.Table) -> Rows:
        """The rows of a query with a column image_id (or a), and perhaps twin_id (or b).

        Raises:
            QueryError: it has no such column.
        """
        image = _first(table, _IMAGE)
        if image is None:
            raise QueryError(
                "its rows have no column image_id (or a and b), so there are no pictures to judge",
                "notmnist-store review --sql \"select image_id from image where label = 'A'\"",
            )
        table = table.slice(0, _MOST_ROWS).filter(pc.is_valid(table.slice(0, _MOST_ROWS)[image]))
        twin = _first(table, _TWIN)
        suggested = (
            table["suggested_label"].to_pylist()
            if "suggested_label" in table.column_names
            else None
        )
        said = [n for n in table.column_names if n not in _NOT_SAID]
        return cls(
            images=table[image].to_pylist(),
            twins=[t or 0 for t in table[twin].to_pylist()] if twin else [0] * table.num_rows,
            suggested=suggested,
            said=table.select(said) if said else None,
        )

    def without(self, images: Set[int], pairs: Set[tuple[int, int]] = frozenset()) -> Rows:
        """A copy with the rows that name none of these images, and are none of those pairs."""
        both = zip(self.images, self.twins, strict=True)
        kept = [
            n
            for n, (one, other) in enumerate(both)
            if one not in images
            and other not in images
            and (one, other) not in pairs
            and (other, one) not in pairs
        ]
        return Rows(
            images=[self.images[n] for n in kept],
            twins=[self.twins[n] for n in kept],
            suggested=self.suggested and [self.suggested[n] for n in kept],
            said=None if self.said is None else self.said.take(pa.array(kept, pa.int64())),
            more=self.more,
        )


def _first(table: pa.Table, names: tuple[str, ...]) -> str | None:
    """The first of these columns that is there and holds whole numbers."""
    return next(
        (n for n in names if n in table.column_names and pa.types.is_integer(table[n].type)), None
    )


@dataclass(frozen=True)
class Source:
    """Where queues come from: a catalog seen in a scope. Images that are `decided` are left out.

    `found` is what audits have found already.
    """

    catalog: Catalog
    scope: Scope
    decided: pa.Table
    found: Mapping[str, pa.Table]

    def _found(self, name: str) -> pa.Table:
        if name in self.found:
            return self.found[name]
        return rows_found(self.catalog, name, self.scope)

    def audit(self, name: str) -> Rows:
        """What an audit finds."""
        return Rows.of(self._found(name))

    def report(self, name: str, **given: Any) -> Rows:
        """The rows of a report."""
        query = load_queries("reports")[name]
        values = bind(query, {**self.scope.values(query), **given}, self.catalog.shape)
        return Rows.of(self.catalog.query(query.sql, values))

    def near_pairs(self) -> Rows:
        """All pairs of near copies, the nearest first."""
        return self._pairs_after({})

    def _pairs_after(self, after: dict[str, int]) -> Rows:
        query = load_queries("review")["near_pairs"]
        current = current_join(self.catalog)
        searched = Radius(current["radius"]) if current else None
        radius = self.scope.radius or searched
        given = {"transforms": self.scope.transforms, "radius": radius, "most": _PART, **after}
        values = bind(query, given, self.catalog.shape)
        table = self.catalog.query(query.sql, values, rows={"decided_image": self.decided})
        rows = Rows.of(table.select(["image_id", "twin_id"]))
        if len(rows) == _PART:
            last = {
                "after": table["squared_distance"][-1].as_py(),
                "after_a": table["twin_id"][-1].as_py(),
                "after_b": table["image_id"][-1].as_py(),
            }
            rows.more = lambda _: self._pairs_after(last)
        return rows

    def joined(self, *names: str) -> Rows:
        """What several audits find, one after the other."""
        tables = [self._found(name) for name in names]
        return Rows.of(pa.concat_tables(tables, promote_options="default"))

    def missing(self, need: Need | None) -> tuple[str, str] | None:
        """What is not there yet that a queue stands on, and the command that makes it."""
        if need is None:
            return None
        name = self.scope.split_set
        used = {"split_set": name} if "$split_set" in need.sql else {}
        if self.catalog.query(need.sql, used).num_rows:
            return None
        return need.missing, need.command.replace("$split_set", shlex.quote(name))


@dataclass(frozen=True)
class Queue:
    """One kind of queue: what it asks, and what that stands on."""

    name: str
    title: str
    about: str
    ask: Callable[[Source], Rows] = field(repr=False)
    need: Need | None = None


QUEUES = (
    Queue(
        "leaks",
        "Leaks",
        "Images of valid and test with a copy, or a near one, in a split that must not know it.",
        lambda source: source.joined("split_leak_exact", "split_leak_near"),
        CROSSING,
    ),
    Queue(
        NEAR_PAIRS,
        "Near pairs",
        "Pictures that hardly differ, the nearest first.",
        Source.near_pairs,
        PAIRS,
    ),
    Queue(
        CALIBRATION,
        "Calibration",
        "Pairs of all distances, as many of each: say which are copies, and a radius follows.",
        lambda source: Rows(*sampled_pairs(source.catalog, source.scope)),
        PAIRS,
    ),
    Queue(
        "near_groups",
        "Near groups",
        "Each group's pictures beside the one that stands for it, the largest groups first.",
        lambda source: source.report("near_group_pictures", most=1_000),
        PAIRS,
    ),
    Queue(
        "label_conflicts",
        "Label conflicts",
        "Nearly the same picture under different labels.",
        lambda source: source.joined("label_conflict_exact", "label_conflict_near"),
        PAIRS,
    ),
    Queue(
        "suspects",
        "Suspects",
        "Labels that are likely wrong, the likeliest errors first.",
        lambda source: source.report("suspects"),
        SUSPECTS,
    ),
    Queue(
        "blanks",
        "Blanks",
        "Images of one single value.",
        lambda source: source.audit("image_blank"),
    ),
    Queue(
        "outliers",
        "Outliers",
        "Images unlike all others, beside the nearest picture of a sample.",
        lambda source: source.report("outliers"),
        SUSPECTS,
    ),
)


def audit_queues() -> Iterator[Queue]:
    """A queue for each audit whose rows are images."""
    for audit in sorted(find_audits([]), key=lambda each: SEVERITIES.index(each.severity)):
        if "image_id" in audit.sql:
            yield Queue(
                f"{AUDIT}{audit.name}", audit.title, audit.header.get("why", ""), _asks(audit.name)
            )


def _asks(name: str) -> Callable[[Source], Rows]:
    return lambda source: source.audit(name)


def open_queue(source: Source, name: str, sql: str | None) -> Rows:
    """The rows of a queue that nothing was decided of yet.

    Raises:
        StoreError: the evidence is missing; the hint makes it.
        QueryError: a SELECT that does not run, or has no images.
        UsageError: there is no such queue.
    """
    if name == SQL:
        return Rows.of(source.catalog.query(sql or "", timeout=60))
    known = {queue.name: queue for queue in (*QUEUES, *audit_queues())}
    if name not in known:
        raise UsageError(did_you_mean("queue", name, known), "notmnist-store review")
    queue = known[name]
    if missing := source.missing(queue.need):
        raise StoreError(*missing)
    rows = queue.ask(source)
    return rows.without(set(source.decided["image_id"].to_pylist()))


def ids_of(values: Iterable[int]) -> list[int]:
    """Distinct ids, without the 0 that stands for none."""
    return sorted({int(value) for value in values if value})
