"""The order that sources give their classes: a store keeps one, and no source contradicts it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from notmnist_store.errors import SourceError
from notmnist_store.sources.base import Source
from notmnist_store.sources.class_order import GivenOrder
from notmnist_store.storage.datafile import open_checked, run_of
from notmnist_store.storage.tables import Tables


def check_order(tables: Tables, source: Source, order: GivenOrder) -> None:
    """Compare the order of a source with those of all runs that count.

    Raises:
        SourceError: it contradicts one of them; the message names both sources.
    """
    for _, other in orders(tables):
        if wrong := order.against(other):
            raise SourceError(f"{wrong}; a store has one order", _way_out(source, order, other))


def _way_out(source: Source, order: GivenOrder, other: GivenOrder) -> str:
    """Names for numbers that have none, where the other has them; else another store."""
    names = ",".join(other.labels)
    option = ["--store", "store_2"]
    if (
        source.takes_labels
        and order.labels == tuple(map(str, range(len(order.labels))))
        and len(order.labels) <= len(other.labels)
        and tuple(word.strip() for word in names.split(",")) == other.labels
    ):
        option = ["--labels", names]
    return shlex.join(["notmnist-store", "ingest", *option, str(source.path)])


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


def _order(file: Path, source: str, run_id: str) -> GivenOrder:
    with open_checked(file) as parquet:
        rows = parquet.read(["label", "label_id"], use_threads=False).sort_by("label_id")
    return GivenOrder(tuple(rows["label"].to_pylist()), f"{source} (run {run_id})")
