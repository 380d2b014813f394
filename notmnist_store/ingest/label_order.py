"""The order that sources give their classes: a store keeps one, and no source contradicts it."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Sequence, Set
from dataclasses import dataclass

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.catalog.run import Run
from notmnist_store.errors import SourceError
from notmnist_store.location.location import Location
from notmnist_store.progress import Progress
from notmnist_store.sources.base import Source
from notmnist_store.sources.class_order import GivenOrder
from notmnist_store.storage.datafile import open_checked, run_of
from notmnist_store.storage.tables import Tables
from notmnist_store.text import printable

_MOST_SHOWN = 10


def lookalikes(catalog: Catalog, labels: Set[str | None]) -> list[str]:
    """A note on each of these labels that looks like another of the store, as ASCII."""
    rows = catalog.query(load_queries("audits")["label_lookalike"].sql).to_pylist()
    alike: dict[str, list[str]] = {}
    for row in rows:
        alike.setdefault(row["alike_label"], []).append(row["label"])
    return [
        f"labels look alike: {', '.join(map(ascii, same))}; see audit label_lookalike"
        for same in alike.values()
        if not labels.isdisjoint(same)
    ]


@dataclass(frozen=True)
class ToldOrder:
    """The classes of a source by the numbers that it gives them, and whether it takes others."""

    source: str
    path: str
    labels: tuple[str, ...]
    takes_labels: bool

    @classmethod
    def of(cls, source: Source) -> ToldOrder | None:
        """That of a source whose members were read; None where it gives none."""
        if source.label_order is None:
            return None
        return cls(source.name, str(source.path), source.label_order, source.takes_labels)

    @property
    def given(self) -> GivenOrder:
        """As an order that can be held against others."""
        return GivenOrder(self.labels, self.path)


def keep_order(
    run: Run, told: ToldOrder, stored: Collection[str | None], progress: Progress
) -> None:
    """Let a run keep the order that its source gives its classes.

    `stored` are the labels that have images; the other classes are told.
    """
    order = told.given
    rows = [{"label": label, "label_id": number} for number, label in enumerate(order.labels)]
    run.write("label_order", rows)
    empty = [label for label in order.labels if label not in stored]
    if empty:
        shown = printable(", ".join(empty[:_MOST_SHOWN]))
        more = f" and {len(empty) - _MOST_SHOWN:,} more" if len(empty) > _MOST_SHOWN else ""
        progress.note(
            f"{len(empty):,} of the {len(order.labels):,} classes that {told.source} numbers have "
            f"no image in it, and keep their numbers: {shown}{more}"
        )


def check_orders(tables: Tables, told: Sequence[ToldOrder]) -> None:
    """Compare the orders of sources with those of all runs that count, and with one another.

    Raises:
        SourceError: one contradicts an earlier one; the message names both sources.
    """
    earlier = [order for _, order in orders(tables)] if told else []
    for one in told:
        for other in earlier:
            if wrong := one.given.against(other):
                raise SourceError(f"{wrong}; a store has one order", _way_out(one, other))
        earlier.append(one.given)


def _way_out(told: ToldOrder, other: GivenOrder) -> str:
    """Names for numbers that have none, where the other has them; else another store."""
    names = ",".join(other.labels)
    option = ["--store", "store_2"]
    if (
        told.takes_labels
        and told.labels == tuple(map(str, range(len(told.labels))))
        and len(told.labels) <= len(other.labels)
        and tuple(word.strip() for word in names.split(",")) == other.labels
    ):
        option = ["--labels", names]
    return shlex.join(["notmnist-store", "ingest", *option, told.path])


def orders(tables: Tables) -> Iterator[tuple[str, GivenOrder]]:
    """The orders of the runs that count, each with the run's id."""
    runs = tables.runs()
    sources = dict(zip(runs["run_id"].to_pylist(), runs["source"].to_pylist(), strict=True))
    for file in tables.files("label_order", runs):
        if file.state == "live":
            run_id = run_of(file.name)
            yield run_id, _order(tables.path("label_order", file.name), sources[run_id], run_id)


def order_of(tables: Tables, run_id: str, source: str) -> GivenOrder | None:
    """The order that a run brought, withdrawn or not; None where its source gave none."""
    named = (file.name for file in tables.logged("label_order") if run_of(file.name) == run_id)
    name = next(named, None)
    return None if name is None else _order(tables.path("label_order", name), source, run_id)


def _order(file: Location, source: str, run_id: str) -> GivenOrder:
    with open_checked(file) as parquet:
        rows = parquet.read(["label", "label_id"], use_threads=False).sort_by("label_id")
    return GivenOrder(tuple(rows["label"].to_pylist()), f"{source} (run {run_id})")
