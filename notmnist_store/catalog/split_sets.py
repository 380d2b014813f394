"""Finding a split set by name: its current version, an old one as NAME_v1, or `ingest`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import Query, load_queries
from notmnist_store.catalog.relations import split_members
from notmnist_store.errors import StoreError, UsageError
from notmnist_store.schema.arrays import Ints
from notmnist_store.schema.words import SPLITS, TEST_FIRST, USED
from notmnist_store.text import did_you_mean

_NAMES_TEST = """
select split_rule
from ledger
where split_rule <> 'hash' and label is not null and test > 0
limit 1
"""
_OLD = re.compile(r"(?P<name>.+)_v(?P<version>[0-9]{1,9})")


@dataclass(frozen=True)
class SplitSet:
    """A version of a split set; `ingest` is version 0, has no digest, and stands in no table.

    `run_id` is the run that made it, None for `ingest`.
    """

    name: str
    version: int
    digest: str | None
    recipe: str
    arguments: str
    labels: tuple[str, ...]
    counts: dict[str, int]
    image_runs: tuple[str, ...]
    seed: int | None = None
    run_id: str | None = None

    @property
    def is_ingest(self) -> bool:
        """Whether it is how the images were ingested: nothing that was made."""
        return not self.version

    @property
    def line(self) -> str:
        """One line that names its version and digest."""
        if self.is_ingest:
            return "split set ingest: as the images were ingested"
        return f"split set {self.name} version {self.version}, digest {self.digest}"


@dataclass(frozen=True)
class SplitRows:
    """The images of one split in its order: ids and label_ids, int64 (n,)."""

    ids: Ints
    label_ids: Ints


def find_split_set(catalog: Catalog, name: str) -> SplitSet:
    """The split set of this name: `clean`, `clean_v1` for a version of it, or `ingest`.

    Statements of this catalog find it by the same name.

    Raises:
        UsageError: there is none, or it was withdrawn; the message says what was perhaps meant.
    """
    if name == "ingest":
        return _ingest(catalog)
    old = _OLD.fullmatch(name)
    if old is None:
        found = current_split_set(catalog, name)
    else:
        found = _split_set(catalog, old["name"], int(old["version"]))
    if found is not None:
        if old is not None:
            catalog.show_version(found.name, found.version, name)
        return found
    _check_withdrawn(catalog, old["name"] if old else name, old and int(old["version"]))
    made = catalog.query("select distinct split_set from split_set order by split_set")
    known = ["ingest", *made["split_set"].to_pylist()]
    raise UsageError(did_you_mean("split set", name, known), "notmnist-store split-sets")


def current_split_set(catalog: Catalog, name: str) -> SplitSet | None:
    """The current version of a split set that was made, or None where there is none."""
    return _split_set(catalog, name, None)


def _split_set(catalog: Catalog, name: str, version: int | None) -> SplitSet | None:
    rows = catalog.query(
        "select * from split_set"
        " where split_set = $name and coalesce(version = $version, is_current)",
        {"name": name, "version": version},
    ).to_pylist()
    return _of_row(rows[0]) if rows else None


def split_sets(catalog: Catalog) -> list[SplitSet]:
    """`ingest`, and of each that was made the current version, by name."""
    rows = catalog.query("select * from split_set where is_current order by split_set")
    return [_ingest(catalog), *map(_of_row, rows.to_pylist())]


def _of_row(row: dict[str, Any]) -> SplitSet:
    return SplitSet(
        name=row["split_set"],
        version=row["version"],
        digest=row["digest"],
        recipe=row["recipe"],
        arguments=row["arguments"],
        labels=tuple(json.loads(row["labels"])),
        counts={split: row[split] for split in SPLITS},
        image_runs=tuple(json.loads(row["image_runs"])),
        seed=row["seed"],
        run_id=row["run_id"],
    )


def show_versions(catalog: Catalog, query: Query, values: dict[str, Any]) -> None:
    """Let a query find the split sets that its values of type split_set name."""
    for parameter in query.parameters.values():
        if parameter.type == "split_set":
            find_split_set(catalog, values[parameter.name])


def split_rows(catalog: Catalog, split_set: SplitSet, split: str) -> SplitRows:
    """The images of one split by position; those of `ingest` and `unused` by image_id."""
    if split not in SPLITS:
        raise UsageError(
            f"there is no split {split!r}; there are {', '.join(SPLITS)}",
            "notmnist-store split-sets",
        )
    if not split_set.counts[split]:
        there = ", ".join(f"{name} {images:,}" for name, images in split_set.counts.items())
        raise UsageError(
            f"split {split} of {split_set.name} is empty: {there}",
            f"notmnist-store split-show {split_set.name}",
        )
    if split_set.version:
        check_none_gone(catalog, split_set, split)
        paths = catalog.live_files("split_image", split_set.run_id)
        rows = _ordered(split_members(paths, split))
    else:
        rows = catalog.query(load_queries("split_sets")["ingested"].sql, {"split": split})
    return SplitRows(rows["image_id"].to_numpy(), rows["label_id"].to_numpy())


def _ordered(rows: pa.Table) -> pa.Table:
    """These rows by position, and where it is null (in unused) by image_id."""
    by = "image_id" if rows["position"].null_count else "position"
    keys = rows[by].to_numpy()
    if np.all(keys[1:] > keys[:-1]):  # they lie in their order in the file
        return rows
    return rows.take(np.argsort(keys))


def asked_splits(catalog: Catalog, name: str) -> list[str]:
    """The splits that a split set is to have: asked for, or of `ingest` named by its sources."""
    rows = catalog.query("select split from asked_split where split_set = $name", {"name": name})
    found = rows["split"].to_pylist()
    return [split for split in USED if split in found]


def keep_order(catalog: Catalog, split_set: SplitSet) -> tuple[str, ...]:
    """In which order `sanitize` keeps the splits of a set, unless it is told another one.

    What a source names as its test images is measured on, and stays whole; of a sanitized set it is
    the order by which that was made.
    """
    if split_set.is_ingest:
        return TEST_FIRST if catalog.query(_NAMES_TEST).num_rows else USED
    return tuple(json.loads(split_set.arguments).get("keep", USED))


def _ingest(catalog: Catalog) -> SplitSet:
    labels = catalog.query("select label from label order by label_id")["label"].to_pylist()
    counted = catalog.query(
        "select split, count(*) as images from image where not is_dropped group by split"
    )
    counts = dict(zip(counted["split"].to_pylist(), counted["images"].to_pylist(), strict=True))
    return SplitSet(
        name="ingest",
        version=0,
        digest=None,
        recipe="ingest",
        arguments="{}",
        labels=tuple(labels),
        counts={split: counts.get(split, 0) for split in SPLITS},
        image_runs=tuple(ingest_runs(catalog)),
    )


def unlabelled_note(catalog: Catalog) -> list[str]:
    """A note on images without a label, which are in no split set; none where there are none."""
    stored = "select 1 from ledger where label is null and stored > 0 limit 1"
    if not len(catalog.query(stored)):  # which is quick, and nearly always so
        return []
    counted = catalog.query(
        "select split, count(*) as images from image where label is null group by split"
        " order by split"
    ).to_pylist()
    told = ", ".join(f"{row['split']} {row['images']:,}" for row in counted)
    return [f"images without a label are left out: {told}"] if told else []


def _check_withdrawn(catalog: Catalog, name: str, version: int | None) -> None:
    """UsageError where a run made this split set and another withdrew it."""
    made = catalog.query(
        "select arguments, run_id from run where verb in ('split', 'sanitize')"
        " and state = 'withdrawn' order by sequence desc"
    ).to_pylist()
    for row in made:
        arguments = json.loads(row["arguments"])
        if arguments["split_set"] == name and version in (None, arguments["version"]):
            by = _withdrawer(catalog, row["run_id"])
            raise UsageError(
                f"split set {name} was withdrawn by run {by}; undoing that run restores it",
                f"notmnist-store undo {by}",
            )


def check_none_gone(catalog: Catalog, split_set: SplitSet, split: str) -> None:
    """Make sure that the store has all images of the split."""
    runs = catalog.query("select run_id from run where state = 'withdrawn'")["run_id"].to_pylist()
    blamed = [run for run in split_set.image_runs if run in runs]
    values = {"name": split_set.name, "version": split_set.version, "split": split}
    gone = (
        catalog.query(load_queries("split_sets")["missing"].sql, values)["images"][0].as_py()
        if blamed
        else 0
    )
    if gone:
        by = _withdrawer(catalog, blamed[0])
        raise StoreError(
            f"{gone:,} images of split {split} of {split_set.name} are not in the store "
            f"any more: run {blamed[0]}, which stored images of it, was withdrawn by run {by}; "
            "undoing that run restores them",
            f"notmnist-store undo {by}",
        )


def _withdrawer(catalog: Catalog, run_id: str) -> str:
    rows = catalog.query(
        "select run_id from run where withdraws = $run_id order by sequence desc limit 1",
        {"run_id": run_id},
    )
    return str(rows["run_id"][0].as_py())


def ingest_runs(catalog: Catalog) -> list[str]:
    """Ids of the runs whose images are in the store now, in their order."""
    rows = catalog.query(
        "select run_id from run where verb = 'ingest' and state = 'live' order by sequence"
    )
    return list(rows["run_id"].to_pylist())
