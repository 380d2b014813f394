"""Recipes of split sets: which image goes where, before anything is written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.errors import UsageError
from notmnist_store.schema.words import RECIPES, SPLITS, USED
from notmnist_store.splits.near_groups import check_fits, nearest_used
from notmnist_store.splits.notebook import place_as_notebook
from notmnist_store.splits.plan import (
    NO_DROPS,
    Placed,
    SplitOptions,
    candidates,
    counts_of,
    dropped,
    labels_of,
    placed_rows,
    split_of,
)
from notmnist_store.splits.sizes import Sizes, class_quotas, hash_bounds

_UNEVEN = "sizes that do not divide by the classes give one image more to the first classes"


def place_images(catalog: Catalog, options: SplitOptions, extends: str | None) -> Placed:
    """Place the store's images by a recipe; with `extends`, only those the set does not have."""
    if options.recipe not in RECIPES:
        raise UsageError(
            f"there is no recipe {options.recipe!r}; there are {', '.join(RECIPES)}",
            "notmnist-store split my_split --recipe stratified",
        )
    if options.recipe == "notebook":
        return place_as_notebook(catalog, options, extends)
    for name, value in (
        ("--train-source", options.train_source),
        ("--test-source", options.test_source),
    ):
        if value is not None:
            raise UsageError(
                f"{name} goes with recipe notebook",
                "notmnist-store split my_split --recipe notebook",
            )
    sizes = Sizes.parse({split: getattr(options, split) for split in USED})
    images = candidates(catalog, options)
    if extends is not None:
        return _extended(catalog, options, sizes, images, extends)
    usable = images.filter(pc.invert(images["is_dropped"]))
    placed = _fresh(catalog, options, sizes, usable, groups_must_fit=True)
    return replace(placed, drops=dropped(images))


def _fresh(
    catalog: Catalog,
    options: SplitOptions,
    sizes: Sizes,
    images: pa.Table,
    *,
    groups_must_fit: bool = False,
) -> Placed:
    labels = labels_of(catalog, images)
    usable = images
    if options.distinct:
        usable = images.filter(images["is_representative"])
    asked: dict[str, dict[str, int]] = {}
    notes: tuple[str, ...] = ()
    if options.recipe == "hash":
        extra = {"bound": _rows(("split", "low", "high"), hash_bounds(sizes))}
    else:
        counted = counts_of(usable["label"])
        present = set(images["label"].unique().to_pylist())
        available = {label: counted[label] for label in labels if label in present}
        asked = class_quotas(sizes, available, keep_ratio=options.keep_ratio)
        if not options.keep_ratio and any(len(set(each)) > 1 for each in _by_split(asked)):
            notes = (_UNEVEN,)
        notes += _none_placed(options, sizes, available, asked)
        extra = {"quota": _quota_rows(asked, available)}
    if options.group_by == "near" and groups_must_fit:
        check_fits(catalog, options, images, usable, sizes, asked)
    placed = catalog.query(
        load_queries("splits")[options.recipe].sql,
        {"seed": str(options.seed)},
        rows={"candidate": usable, **extra},
    )
    rows = _in_order(catalog, options, images, split_of(images["image_id"], placed), labels)
    result = Placed(rows, NO_DROPS, labels, rows.num_rows, notes)
    return _with_shortfall(result, asked)


def _none_placed(
    options: SplitOptions,
    sizes: Sizes,
    available: dict[str, int],
    asked: dict[str, dict[str, int]],
) -> tuple[str, ...]:
    """Say which splits get no image though a size was asked for: shares are rounded down."""
    counts = [sum(each) for each in _by_split(asked)]
    empty = [
        split
        for split, size, images in zip(USED, sizes.sizes, counts, strict=True)
        if size and not images
    ]
    if not empty:
        return ()
    if options.keep_ratio:
        return (f"no image goes into {', '.join(empty)}: of no class such a share is one image",)
    label = min(available, key=lambda name: available[name])
    return (
        f"no image goes into {', '.join(empty)}: of the smallest class, {label} with "
        f"{available[label]:,}, such a share is less than one image, and all classes get as many; "
        "--keep-ratio takes the share of each class",
    )


def _by_split(asked: dict[str, dict[str, int]]) -> list[list[int]]:
    return [[quotas[split] for quotas in asked.values()] for split in USED]


def _with_shortfall(placed: Placed, asked: dict[str, dict[str, int]]) -> Placed:
    """Say where groups that must stay whole kept a class from the size asked for."""
    counts = placed.counts()
    off = {
        (split, label): counts[split, label] - images
        for label, quotas in asked.items()
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
    return replace(placed, notes=(*placed.notes, note))


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
    images: pa.Table,
    splits: pa.ChunkedArray,
    labels: list[str],
) -> pa.Table:
    placed = pa.table({"image_id": images["image_id"], "split": splits})
    ordered = catalog.query(
        load_queries("splits")["order"].sql, {"seed": str(options.seed)}, rows={"placed": placed}
    )
    at = pc.index_in(ordered["image_id"], images["image_id"].combine_chunks())
    return placed_rows(images.take(at), ordered["split"], labels)


def _extended(
    catalog: Catalog, options: SplitOptions, sizes: Sizes, images: pa.Table, name: str
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
    is_new = pc.invert(pc.is_in(images["image_id"], old["image_id"].combine_chunks()))
    new_images = images.filter(is_new)
    fresh = new_images.filter(pc.invert(new_images["is_dropped"]))
    labels = catalog.query(
        "select labels from split_set where split_set = $name and is_current", {"name": name}
    )["labels"].to_pylist()
    known_labels: list[str] = json.loads(labels[0])
    all_labels = known_labels + [v for v in labels_of(catalog, fresh) if v not in known_labels]
    if not fresh.num_rows:
        return Placed(old, NO_DROPS, all_labels, 0)
    place = pa.array(np.arange(images.num_rows))
    found = catalog.query(
        load_queries("splits")["extension"].sql,
        {"split_set": name},
        rows={"candidate": images.append_column("place", place)},
    )
    alone = fresh.filter(pc.is_null(found["split"]))
    placed = old.slice(0, 0)
    notes: tuple[str, ...] = ()
    if alone.num_rows and not (sizes.are_counts and options.recipe == "stratified"):
        made = _fresh(catalog, options, sizes, alone)
        placed, notes = made.rows, made.notes
    splits = pc.coalesce(found["split"], split_of(found["image_id"], placed))
    new = _in_order(catalog, options, fresh, splits, all_labels)
    behind = counts_of(old["split"])
    shift = pa.array([behind[split] for split in SPLITS], pa.int64())
    shift = shift.take(pc.index_in(new["split"], pa.array(SPLITS)).combine_chunks())
    moved = new.set_column(2, "position", pc.add(new["position"], shift))
    drop_rows = pa.concat_tables([dropped(new_images), _clashes(catalog, options, found, name)])
    rows = pa.concat_tables([old.cast(moved.schema), moved])
    return Placed(rows, drop_rows, all_labels, fresh.num_rows, notes)


def _clashes(catalog: Catalog, options: SplitOptions, found: pa.Table, name: str) -> pa.Table:
    """Rows for table split_drop: images whose group stands in two splits of the set."""
    cut = found.filter(pc.is_valid(found["twin_id"]))
    twin, squared = cut["twin_id"], pa.nulls(cut.num_rows, pa.int64())
    if options.group_by == "near" and cut.num_rows:
        nearest = nearest_used(catalog, name, cut["image_id"])
        row = pc.index_in(cut["image_id"], nearest["image_id"].combine_chunks())
        twin = pc.coalesce(nearest["twin_id"].take(row), twin)
        squared = nearest["squared_distance"].take(row)
    rule = pa.repeat("group_in_two_splits", cut.num_rows)
    return pa.table([cut["image_id"], rule, twin, squared], schema=NO_DROPS.schema)
