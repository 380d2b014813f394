"""Recipes of split sets: which image goes where, before anything is written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.errors import QueryError, UsageError
from notmnist_store.kernels.notebook_split import replay
from notmnist_store.split_sizes import ASKED, Sizes, class_quotas, hash_bounds
from notmnist_store.storage.catalog import Catalog
from notmnist_store.storage.queries import load_queries

__all__ = ["RECIPES", "Placed", "SplitOptions", "place_images"]

RECIPES = ("stratified", "hash", "notebook")
_GROUP_COLUMNS = {"pixels": "pixel_hash"}
_NOTEBOOK_SIZES = {"train": "200000", "valid": "10000", "test": "10000"}
_DROPS = pa.schema(
    [
        ("image_id", pa.int64()),
        ("rule", pa.string()),
        ("twin_id", pa.int64()),
        ("squared_distance", pa.int64()),
    ]
)


@dataclass(frozen=True)
class SplitOptions:
    """A recipe and its arguments; sizes are text, so that they are kept exactly as given."""

    recipe: str = "stratified"
    train: str | None = None
    valid: str | None = None
    test: str | None = None
    seed: int = 0
    where: str | None = None
    group_by: str = "pixels"
    keep_ratio: bool = False
    distinct: bool = False
    train_source: str | None = None
    test_source: str | None = None
    order: str = "name"

    def to_json(self) -> str:
        """The arguments that differ from the defaults, as JSON with sorted keys."""
        default = asdict(SplitOptions())
        given = {k: v for k, v in asdict(self).items() if k == "recipe" or v != default[k]}
        return json.dumps(given, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> SplitOptions:
        """The options that `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Placed:
    """Images with their place: `rows` (image_id, split, position, label, label_id, pixel_hash)."""

    rows: pa.Table
    drops: pa.Table
    labels: list[str]
    asked: dict[str, dict[str, int]]
    new_images: int
    notes: tuple[str, ...] = field(default=())

    def counts(self) -> Counter[tuple[str, str]]:
        """Images by (split, label)."""
        return Counter(
            zip(self.rows["split"].to_pylist(), self.rows["label"].to_pylist(), strict=True)
        )

    def digest_rows(self) -> Iterator[tuple[str, str, str]]:
        """(split, label, pixel_hash) of train, valid and test in order."""
        for split in ASKED:
            part = self.rows.filter(pc.equal(self.rows["split"], split)).sort_by("position")
            for label, pixel_hash in zip(
                part["label"].to_pylist(), part["pixel_hash"].to_pylist(), strict=True
            ):
                yield split, label, pixel_hash


def place_images(catalog: Catalog, options: SplitOptions, extends: str | None) -> Placed:
    """Place the store's images by a recipe; with `extends`, only those the set does not have.

    Raises:
        UsageError: an argument that cannot be meant, or does not go with the recipe.
        QueryError: the condition, or the column to group by, is not in view image.
    """
    if options.recipe not in RECIPES:
        raise UsageError(
            f"there is no recipe {options.recipe!r}; there are {', '.join(RECIPES)}",
            "notmnist-store split NAME --recipe stratified",
        )
    if options.recipe == "notebook":
        return _notebook(catalog, options, extends)
    for name, value in (
        ("--train-source", options.train_source),
        ("--test-source", options.test_source),
    ):
        if value is not None:
            raise UsageError(
                f"{name} goes with recipe notebook", "notmnist-store split NAME --recipe notebook"
            )
    sizes = Sizes.parse({split: getattr(options, split) for split in ASKED})
    candidates = _candidates(catalog, options)
    if extends is not None:
        return _extended(catalog, options, sizes, candidates, extends)
    return _fresh(catalog, options, sizes, candidates)


def _candidates(catalog: Catalog, options: SplitOptions) -> pa.Table:
    column = _GROUP_COLUMNS.get(options.group_by, options.group_by)
    known = catalog.query("select column_name from (describe image)")["column_name"].to_pylist()
    if column not in known:
        raise UsageError(
            f"view image has no column {column!r} to group by; it has {', '.join(known)}",
            "notmnist-store split NAME --group-by family",
        )
    sql = load_queries("splits")["candidates"].sql
    sql = sql.replace("GROUP_KEY", '"' + column + '"')
    sql = sql.replace("CONDITION", f"({options.where}\n)" if options.where else "true")
    rows = catalog.query(sql)
    if not rows.num_rows:
        raise QueryError(
            "there are no images to split" + (f" where {options.where}" if options.where else ""),
            "notmnist-store sql label_counts",
        )
    return rows


def _labels(catalog: Catalog, rows: pa.Table) -> list[str]:
    present = set(rows["label"].unique().to_pylist())
    ordered = catalog.query("select label from label order by label_id")["label"].to_pylist()
    return [label for label in ordered if label in present]


def _fresh(catalog: Catalog, options: SplitOptions, sizes: Sizes, candidates: pa.Table) -> Placed:
    labels = _labels(catalog, candidates)
    usable = candidates
    if options.distinct:
        usable = candidates.filter(candidates["is_representative"])
    asked: dict[str, dict[str, int]] = {}
    if options.recipe == "hash":
        extra = {"bound": _rows(("split", "low", "high"), hash_bounds(sizes))}
    else:
        counted = Counter(usable["label"].to_pylist())
        available = {label: counted[label] for label in labels}
        asked = class_quotas(sizes, available, keep_ratio=options.keep_ratio)
        extra = {"quota": _quota_rows(asked, available)}
    placed = catalog.with_rows(candidate=usable, **extra).query(
        load_queries("splits")[options.recipe].sql, {"seed": str(options.seed)}
    )
    split_of = dict(zip(placed["image_id"].to_pylist(), placed["split"].to_pylist(), strict=True))
    splits = [split_of.get(image_id, "unused") for image_id in candidates["image_id"].to_pylist()]
    rows = _in_order(catalog, options, candidates, splits, labels)
    result = Placed(rows, _DROPS.empty_table(), labels, asked, rows.num_rows)
    return result if not asked else _with_shortfall(result)


def _with_shortfall(placed: Placed) -> Placed:
    """Say where groups that must stay whole kept a class from the size asked for."""
    counts = placed.counts()
    off = {
        (split, label): counts[split, label] - images
        for label, quotas in placed.asked.items()
        for split, images in quotas.items()
        if counts[split, label] != images
    }
    if not off:
        return placed
    (split, label), worst = max(off.items(), key=lambda item: abs(item[1]))
    note = (
        f"groups were kept whole, so {len(off)} of the sizes are not those asked for; the farthest "
        f"is {split} {label} with {worst:+,} images"
    )
    return Placed(
        placed.rows, placed.drops, placed.labels, placed.asked, placed.new_images, (note,)
    )


def _quota_rows(asked: dict[str, dict[str, int]], available: dict[str, int]) -> pa.Table:
    rows = []
    for label, quotas in asked.items():
        low = 0
        for split, wanted in quotas.items():
            rows.append((label, split, low, wanted, available[label]))
            low += wanted
    return _rows(("label", "split", "low", "wanted", "total"), rows)


def _rows(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])


def _in_order(
    catalog: Catalog,
    options: SplitOptions,
    candidates: pa.Table,
    splits: list[str],
    labels: list[str],
) -> pa.Table:
    placed = pa.table({"image_id": candidates["image_id"], "split": pa.array(splits, pa.string())})
    ordered = catalog.with_rows(placed=placed).query(
        load_queries("splits")["order"].sql, {"seed": str(options.seed)}
    )
    return _described(ordered, candidates, labels)


def _described(ordered: pa.Table, candidates: pa.Table, labels: list[str]) -> pa.Table:
    """Add label, label_id and pixel_hash to (image_id, split, position) rows."""
    at = pc.index_in(ordered["image_id"], candidates["image_id"].combine_chunks())
    known = candidates.select(["label", "pixel_hash"]).take(at)
    label_id = pc.index_in(known["label"], pa.array(labels, pa.string())).cast(pa.int64())
    return pa.table(
        {
            "image_id": ordered["image_id"],
            "split": ordered["split"],
            "position": ordered["position"].cast(pa.int64()),
            "label": known["label"],
            "label_id": label_id,
            "pixel_hash": known["pixel_hash"],
        }
    )


def _extended(
    catalog: Catalog, options: SplitOptions, sizes: Sizes, candidates: pa.Table, name: str
) -> Placed:
    """The set's rows as they are, and the images it does not have placed behind them."""
    old = catalog.query(
        "select split_image.image_id, split_image.split, split_image.position, split_image.label,"
        " split_image.label_id, image.pixel_hash"
        " from split_image inner join image on image.image_id = split_image.image_id"
        " where split_image.split_set = $name"
        " order by split_image.split, split_image.position, split_image.image_id",
        {"name": name},
    )
    is_new = pc.invert(pc.is_in(candidates["image_id"], old["image_id"].combine_chunks()))
    fresh = candidates.filter(is_new)
    labels = catalog.query(
        "select labels from split_set where split_set = $name and is_current", {"name": name}
    )["labels"].to_pylist()
    known_labels: list[str] = json.loads(labels[0])
    all_labels = known_labels + [v for v in _labels(catalog, candidates) if v not in known_labels]
    if not fresh.num_rows:
        return Placed(old, _DROPS.empty_table(), all_labels, {}, 0)
    splits_of: dict[str, dict[str, int]] = {}
    split_by_id = dict(zip(old["image_id"].to_pylist(), old["split"].to_pylist(), strict=True))
    for image_id, key in zip(
        candidates["image_id"].to_pylist(), candidates["group_key"].to_pylist(), strict=True
    ):
        if image_id in split_by_id:
            splits_of.setdefault(key, {}).setdefault(split_by_id[image_id], image_id)
    keys = fresh["group_key"].to_pylist()
    alone = fresh.filter(pa.array([key not in splits_of for key in keys]))
    placed: dict[int, str] = {}
    if alone.num_rows and not (sizes.are_counts and options.recipe == "stratified"):
        part = _fresh(catalog, options, sizes, alone)
        placed = dict(
            zip(part.rows["image_id"].to_pylist(), part.rows["split"].to_pylist(), strict=True)
        )
    splits, drops = [], []
    for image_id, key in zip(fresh["image_id"].to_pylist(), keys, strict=True):
        there = {split: twin for split, twin in splits_of.get(key, {}).items() if split != "unused"}
        if len(there) > 1:
            splits.append("unused")
            drops.append((image_id, "group_in_two_splits", min(there.values()), None))
        elif key in splits_of:
            splits.append(next(iter(there), "unused"))
        else:
            splits.append(placed.get(image_id, "unused"))
    new = _in_order(catalog, options, fresh, splits, all_labels)
    behind = Counter(old["split"].to_pylist())
    shift = pa.array([behind[split] for split in new["split"].to_pylist()], pa.int64())
    moved = new.set_column(2, "position", pc.add(new["position"], shift))
    drop_rows = _rows(tuple(_DROPS.names), drops).cast(_DROPS) if drops else _DROPS.empty_table()
    rows = pa.concat_tables([old.cast(moved.schema), moved])
    return Placed(rows, drop_rows, all_labels, {}, fresh.num_rows)


def _notebook(catalog: Catalog, options: SplitOptions, extends: str | None) -> Placed:
    _check_notebook(options, extends)
    given = {split: getattr(options, split) or _NOTEBOOK_SIZES[split] for split in ASKED}
    sizes = Sizes.parse(given)
    if not sizes.are_counts:
        raise UsageError(
            "recipe notebook takes counts, as the notebook does",
            "notmnist-store split NAME --recipe notebook --train 200000 --valid 10000 --test 10000",
        )
    train_source, test_source = _notebook_sources(catalog, options)
    classes = {
        source: _notebook_classes(catalog, source, options.order)
        for source in (train_source, test_source)
    }
    labels = list(classes[train_source])
    if list(classes[test_source]) != labels:
        raise UsageError(
            f"{train_source} and {test_source} do not have the same labels",
            "notmnist-store sql ingest_ledger",
        )
    train, valid, test = (int(size) for size in sizes.sizes)
    for source, wanted in (
        (train_source, train // len(labels) + valid // len(labels)),
        (test_source, test // len(labels)),
    ):
        short = [label for label, ids in classes[source].items() if len(ids) < wanted]
        if short:
            raise UsageError(
                f"{source} has fewer than the {wanted:,} images asked for of {', '.join(short)}",
                "notmnist-store sql ingest_ledger",
            )
    order = replay(
        list(classes[train_source].values()),
        list(classes[test_source].values()),
        train_size=train,
        valid_size=valid,
        test_size=test,
        seed=options.seed,
    )
    candidates = _candidates(catalog, SplitOptions())
    ordered = pa.concat_tables(
        pa.table(
            {
                "image_id": pa.array(order[split], pa.int64()),
                "split": pa.repeat(pa.scalar(split), len(order[split])),
                "position": pa.array(np.arange(len(order[split])), pa.int64()),
            }
        )
        for split in ASKED
    )
    rest = candidates.filter(
        pc.invert(pc.is_in(candidates["image_id"], ordered["image_id"].combine_chunks()))
    )
    unused = pa.table(
        {
            "image_id": rest["image_id"],
            "split": pa.repeat(pa.scalar("unused"), rest.num_rows),
            "position": pa.nulls(rest.num_rows, pa.int64()),
        }
    )
    rows = _described(pa.concat_tables([ordered, unused]), candidates, _labels(catalog, candidates))
    return Placed(rows, _DROPS.empty_table(), labels, {}, rows.num_rows)


def _check_notebook(options: SplitOptions, extends: str | None) -> None:
    changed = {
        "--where": options.where is not None,
        "--keep-ratio": options.keep_ratio,
        "--distinct": options.distinct,
        "--group-by": options.group_by != "pixels",
        "--extend": extends is not None,
    }
    for option, given in changed.items():
        if given:
            raise UsageError(
                f"{option} does not go with recipe notebook, which is replayed as it was",
                "notmnist-store split NAME --recipe notebook",
            )
    if options.order not in ("name", "name-nocase"):
        raise UsageError(
            f"--order is name or name-nocase, not {options.order}",
            "notmnist-store split NAME --recipe notebook --order name-nocase",
        )


def _notebook_sources(catalog: Catalog, options: SplitOptions) -> tuple[str, str]:
    known = catalog.query(load_queries("reports")["sources"].sql)["source"].to_pylist()
    chosen = []
    for option, given, usual in (
        ("--train-source", options.train_source, "large"),
        ("--test-source", options.test_source, "small"),
    ):
        found = [given] if given else [name for name in known if usual in name.lower()]
        if len(found) != 1 or found[0] not in known:
            raise UsageError(
                f"recipe notebook needs {option}; the store has {', '.join(known)}",
                f"notmnist-store split NAME --recipe notebook --train-source {known[0]} "
                f"--test-source {known[-1]}",
            )
        chosen.append(found[0])
    return chosen[0], chosen[1]


def _notebook_classes(catalog: Catalog, source: str, order: str) -> dict[str, Any]:
    rows = catalog.query(
        load_queries("splits")["notebook_order"].sql,
        {"source": source, "nocase": int(order == "name-nocase")},
    )
    ids, labels = rows["image_id"].to_numpy(), np.array(rows["label"].to_pylist(), dtype=object)
    return {label: ids[labels == label] for label in dict.fromkeys(labels.tolist())}
