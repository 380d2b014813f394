"""The recipe notebook: exactly the split that the course notebook makes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.errors import UsageError
from notmnist_store.schema.words import USED
from notmnist_store.splits.kernels.notebook_split import replay
from notmnist_store.splits.plan import Placed, SplitOptions, dropped, labels_of, placed_rows
from notmnist_store.splits.sizes import Sizes
from notmnist_store.text import counts_of

_Ids = npt.NDArray[np.int64]

_EXAMPLE = "notmnist-store split notebook --recipe notebook"
_ROUNDED = "sizes that do not divide by the classes are rounded down, as in the notebook"
_DECIDED = """
select count(*) as images
from image
where image.is_dropped or image.label <> image.label_ingested
"""
_DECISIONS = "decisions are honoured, so this is not the split that the notebook itself makes"
_SIZES = {"train": "200000", "valid": "10000", "test": "10000"}


def place_as_notebook(catalog: Catalog, options: SplitOptions, extends: str | None) -> Placed:
    """Place images as the notebook does, in its order; sizes are counts, as the notebook's.

    Raises:
        UsageError: an option that the notebook has no counterpart of, sources that cannot be
            told, or too few images.
    """
    _check_options(options, extends)
    sizes = Sizes.parse({split: getattr(options, split) or _SIZES[split] for split in USED})
    if not sizes.are_counts:
        raise UsageError(
            "recipe notebook takes counts, as the notebook does",
            f"{_EXAMPLE} --train 200000 --valid 10000 --test 10000",
        )
    train, valid, test = (int(size) for size in sizes.sizes)
    train_source, test_source = _sources(catalog, options)
    train_classes = _classes(catalog, train_source, options.order)
    test_classes = _classes(catalog, test_source, options.order)
    labels = list(train_classes)
    if list(test_classes) != labels:
        raise UsageError(
            f"{train_source} and {test_source} do not have the same labels",
            "notmnist-store sql ingest_ledger",
        )
    _check_enough(train_source, train_classes, train // len(labels) + valid // len(labels))
    _check_enough(test_source, test_classes, test // len(labels))
    order = replay(
        list(train_classes.values()),
        list(test_classes.values()),
        train_size=train,
        valid_size=valid,
        test_size=test,
        seed=options.seed,
    )
    every = catalog.query(load_queries("splits")["ingested"].sql)
    images = every.filter(pc.invert(every["is_dropped"]))
    all_labels = labels_of(catalog, images)
    rows = _placed(images, order, all_labels)
    uneven = any(size % len(labels) for size in (train, valid, test))
    notes: tuple[str, ...] = (_ROUNDED,) if uneven else ()
    if catalog.query(_DECIDED)["images"][0].as_py():
        notes += (_DECISIONS,)
    return Placed(rows, dropped(every), all_labels, {}, rows.num_rows, notes)


def _placed(images: pa.Table, order: dict[str, _Ids], labels: list[str]) -> pa.Table:
    """Rows of train, valid and test in this order, and of all other images as they come."""
    chosen = pa.array(np.concatenate([order[split] for split in USED]))
    places = pc.index_in(chosen, images["image_id"].combine_chunks()).to_numpy()
    rest = np.ones(images.num_rows, bool)
    rest[places] = False
    unused = np.flatnonzero(rest)
    counts = {split: len(order[split]) for split in USED}
    splits = [
        pa.repeat(split, images) for split, images in {**counts, "unused": len(unused)}.items()
    ]
    positions = [pa.array(np.arange(images)) for images in counts.values()]
    positions.append(pa.nulls(len(unused), pa.int64()))
    taken = images.take(np.concatenate([places, unused]))
    columns = {name: taken[name] for name in ("image_id", "label", "pixel_hash")}
    return placed_rows(
        {**columns, "split": pa.chunked_array(splits), "position": pa.chunked_array(positions)},
        labels,
    )


def _check_options(options: SplitOptions, extends: str | None) -> None:
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
                _EXAMPLE,
            )
    if options.order not in ("name", "name-nocase"):
        raise UsageError(
            f"--order is name or name-nocase, not {options.order}",
            f"{_EXAMPLE} --order name-nocase",
        )


def _sources(catalog: Catalog, options: SplitOptions) -> tuple[str, str]:
    known = catalog.query(load_queries("reports")["sources"].sql)["source"].to_pylist()
    chosen = []
    for option, given, usual in (
        ("--train-source", options.train_source, "large"),
        ("--test-source", options.test_source, "small"),
    ):
        found = [given] if given else [name for name in known if usual in name.lower()]
        if len(found) != 1 or found[0] not in known:
            others = f"--train-source {known[0]} --test-source {known[-1]}"
            raise UsageError(
                f"recipe notebook needs {option}; the store has {', '.join(known)}",
                f"{_EXAMPLE} {others}" if len(known) > 1 else "notmnist-store ingest --help",
            )
        chosen.append(found[0])
    if chosen[0] == chosen[1]:
        raise UsageError(
            f"train and test cannot both come from {chosen[0]}: an image has one place",
            "notmnist-store split my_split",
        )
    return chosen[0], chosen[1]


def _check_enough(source: str, classes: dict[str, _Ids], wanted: int) -> None:
    if any(len(ids) < wanted for ids in classes.values()):
        rows = [(label, len(ids), wanted) for label, ids in classes.items()]
        table = counts_of(("label", "images", "asked for"), rows)
        raise UsageError(
            f"{source} has fewer images than asked for:\n{table}",
            "notmnist-store sql ingest_ledger",
        )


def _classes(catalog: Catalog, source: str, order: str) -> dict[str, _Ids]:
    rows = catalog.query(
        load_queries("splits")["notebook_order"].sql,
        {"source": source, "nocase": int(order == "name-nocase")},
    )
    labels = rows["label"].combine_chunks().dictionary_encode()
    starts = np.flatnonzero(np.diff(labels.indices.to_numpy(), prepend=-1))  # label by label
    parts = np.split(rows["image_id"].to_numpy(), starts[1:])
    return dict(zip(labels.dictionary.to_pylist(), parts, strict=True))
