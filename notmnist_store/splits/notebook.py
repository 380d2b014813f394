"""The recipe notebook: exactly the split that the course notebook makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.queries import load_queries
from notmnist_store.errors import UsageError
from notmnist_store.schema.arrays import Ints
from notmnist_store.schema.words import USED
from notmnist_store.splits.kernels.notebook_split import replay
from notmnist_store.splits.plan import Placed, SplitOptions, dropped, labels_of, placed_rows
from notmnist_store.splits.sizes import Sizes
from notmnist_store.text import counts_of

_EXAMPLE = "notmnist-store split notebook --recipe notebook"
_ROUNDED = "sizes that do not divide by the classes are rounded down, as in the notebook"
_DECIDED = """
select count(*) as images
from image
where image.label is not null and (image.is_dropped or image.label <> image.label_ingested)
"""
_IMAGES = """
select part.source, part.images
from (
    select image.source, count(*) as images, min(run.sequence) as sequence
    from image
    inner join run on run.run_id = image.run_id
    where not image.is_dropped
    group by image.source
) as part
order by part.sequence
"""
_DECISIONS = "decisions are honoured, so this is not the split that the notebook itself makes"
_SHARE_OF_VALID = 21  # one part of valid, twenty of train
_SIZES = {"train": "200000", "valid": "10000", "test": "10000"}


def place_as_notebook(catalog: Catalog, options: SplitOptions, extends: str | None) -> Placed:
    """Place images as the notebook does, in its order; sizes are counts, as the notebook's."""
    images_of = _images_by_source(catalog)
    _check_options(options, extends)
    train, valid, test = _sizes(options)
    train_source, test_source = _sources(catalog, options, images_of)
    train_classes = _classes(catalog, train_source, options.order)
    test_classes = _classes(catalog, test_source, options.order)
    labels = list(train_classes)
    if list(test_classes) != labels:
        raise UsageError(
            f"{train_source} and {test_source} do not have the same labels",
            "notmnist-store sql ingest_ledger",
        )
    for source, classes, each in (
        (train_source, train_classes, train // len(labels) + valid // len(labels)),
        (test_source, test_classes, test // len(labels)),
    ):
        if any(len(ids) < each for ids in classes.values()):
            short = [(label, len(ids), each) for label, ids in classes.items()]
            table = counts_of(("label", "images", "asked for"), short)
            raise UsageError(
                f"{source} has fewer images than asked for:\n{table}",
                _command(catalog, options, train_source, test_source),
            )
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
    return Placed(rows, dropped(every), all_labels, rows.num_rows, notes)


def _placed(images: pa.Table, order: dict[str, Ints], labels: list[str]) -> pa.Table:
    """Rows of train, valid and test in this order, and of all other images as they come."""
    chosen = pa.array(np.concatenate([order[split] for split in USED]))
    places = pc.index_in(chosen, images["image_id"].combine_chunks()).to_numpy()
    rest = np.ones(images.num_rows, bool)
    rest[places] = False
    unused = np.flatnonzero(rest)
    counts = {split: len(order[split]) for split in USED} | {"unused": len(unused)}
    splits = pa.chunked_array([pa.repeat(split, images) for split, images in counts.items()])
    return placed_rows(images.take(np.concatenate([places, unused])), splits, labels)


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


def _images_by_source(catalog: Catalog) -> dict[str, int]:
    """How many images each source has; there are at least two."""
    images = {row["source"]: row["images"] for row in catalog.query(_IMAGES).to_pylist()}
    if len(images) < 2:
        raise UsageError(
            "recipe notebook takes train and valid from one source and test from another (in the "
            "course notMNIST_large and notMNIST_small), and the store has "
            f"{f'only {next(iter(images))}' if images else 'none'}; ingest the other one as well, "
            "or split what is there by another recipe",
            "notmnist-store split my_split" if images else "notmnist-store ingest",
        )
    return images


def _sources(catalog: Catalog, options: SplitOptions, images: Mapping[str, int]) -> tuple[str, str]:
    """The source of train and valid, and that of test."""
    chosen: list[str | None] = []
    for given, usual in ((options.train_source, "large"), (options.test_source, "small")):
        found = [given] if given else [name for name in images if usual in name.lower()]
        chosen.append(found[0] if len(found) == 1 and found[0] in images else None)
    train, test = chosen
    if train is None or test is None or train == test:
        if train is not None and train == test:
            wrong = f"train and test cannot both come from {train}: an image has one place"
        else:
            lacking = [
                option
                for option, name in (("--train-source", train), ("--test-source", test))
                if name is None
            ]
            wrong = (
                f"recipe notebook needs {' and '.join(lacking)}; the store has {', '.join(images)}"
            )
        largest_first = sorted(images, key=lambda name: -images[name])
        train = train or next(name for name in largest_first if name != test)
        test = next(name for name in (test, *largest_first) if name not in (None, train))
        assert test is not None
        raise UsageError(wrong, _command(catalog, options, train, test))
    return train, test


def _command(catalog: Catalog, options: SplitOptions, train_source: str, test_source: str) -> str:
    """The command with these sources, and with sizes that they have, in the notebook's proportion.

    Where their labels differ, the one that shows them.
    """
    train_classes, test_classes = (
        _classes(catalog, source, options.order) for source in (train_source, test_source)
    )
    labels = len(train_classes)
    if list(train_classes) != list(test_classes):
        return "notmnist-store sql ingest_ledger"
    most, most_test = (min(map(len, classes.values())) for classes in (train_classes, test_classes))
    train, valid, test = (size // labels for size in _sizes(options))
    if train + valid > most:
        valid = -(-most // _SHARE_OF_VALID)
        train = most - valid
    again = replace(
        options,
        train_source=train_source,
        test_source=test_source,
        train=train * labels,
        valid=valid * labels,
        test=min(test, most_test) * labels,
    )
    return again.command("notebook")


def _sizes(options: SplitOptions) -> tuple[int, int, int]:
    sizes = Sizes.parse({split: getattr(options, split) or _SIZES[split] for split in USED})
    if not sizes.are_counts:
        raise UsageError(
            "recipe notebook takes counts, as the notebook does",
            f"{_EXAMPLE} --train 200000 --valid 10000 --test 10000",
        )
    train, valid, test = map(int, sizes.sizes)
    return train, valid, test


def _classes(catalog: Catalog, source: str, order: str) -> dict[str, Ints]:
    rows = catalog.query(
        load_queries("splits")["notebook_order"].sql,
        {"source": source, "nocase": int(order == "name-nocase")},
    )
    labels = rows["label"].combine_chunks().dictionary_encode()
    starts = np.flatnonzero(np.diff(labels.indices.to_numpy(), prepend=-1))  # label by label
    parts = np.split(rows["image_id"].to_numpy(), starts[1:])
    return dict(zip(labels.dictionary.to_pylist(), parts, strict=True))
