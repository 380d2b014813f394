"""The verb distinguish: whether a classifier tells train from test, and by which images."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.split_sets import SplitSet, find_split_set, split_rows
from notmnist_store.errors import UsageError
from notmnist_store.learning.classifiers import Fitted, check_model, fit_for_suspects, one_thread
from notmnist_store.learning.kernels.auc import auc, mean_auc
from notmnist_store.learning.kernels.folds import grouped_folds, stratified_draw
from notmnist_store.learning.runs import save_learned
from notmnist_store.learning.suspects import MOST_TRAINED, check_options, image_runs
from notmnist_store.near.groups import copy_groups, known_near
from notmnist_store.progress import Progress
from notmnist_store.schema.arrays import Floats, Ints
from notmnist_store.storage.gather import pixels_of, to_notebook_scale
from notmnist_store.storage.tables import Tables

SIDES = ("train", "test")

MOST_TELLING = 100
"""Images of each split that are kept: those that look most like their own."""

_WINDOW = 16_384
_TRAIN_BYTES = 2 << 30


def distinguish(tables: Tables, name: str, folds: int, seed: int, progress: Progress) -> str:
    """Try to tell train from test; returns the run's id.

    Each image is judged by a model of `suspects` that has seen neither it nor a copy of it, trained
    on as many images of train as of test. An image that stands in both is left out.
    """
    check_model("logistic")
    check_options(folds, seed, "distinguish")
    started = datetime.now(UTC)
    catalog = Catalog(tables)
    split_set = find_split_set(catalog, name)
    ids, side, labels = _images(catalog, split_set, folds)
    near, notes = known_near(catalog, ids, None)
    groups, more = copy_groups(catalog, ids, near, len(ids) // folds)
    for note in notes + more:
        progress.note(note)
    with one_thread():
        fold = grouped_folds(groups, side, folds, seed)
        models = _train(tables, ids, side, fold, folds, seed, progress)
        test_like = _judge(tables, ids, fold, models, progress)
    areas = [
        auc(test_like[(fold == number) & (side == 1)], test_like[(fold == number) & (side == 0)])
        for number in range(folds)
    ]
    value, low, high = mean_auc(areas)
    own = np.where(side == 1, test_like, 1 - test_like)
    telling = np.concatenate([_most_telling(ids, own, side == one) for one in (0, 1)])
    rows = pa.table(
        {
            "image_id": ids[telling],
            "split": pa.array(SIDES).take(pa.array(side[telling])),
            "label": pa.array(split_set.labels, pa.string()).take(pa.array(labels[telling])),
            "probability": own[telling],
        }
    )
    constants = {
        "folds": folds,
        "seed": seed,
        "radius": near and near.text,
        "images": len(ids),
        "auc": value,
        "low": low,
        "high": high,
    }
    return save_telling(
        tables, split_set, rows, constants, image_runs(catalog, ids), started, progress
    )


def save_telling(
    tables: Tables,
    split_set: SplitSet,
    rows: pa.Table,
    constants: Mapping[str, object],
    runs: list[str],
    started: datetime,
    progress: Progress,
) -> str:
    """Write what was found as one run; returns its id."""
    parts = {"telling_image": rows}
    return save_learned(
        tables, "distinguish", split_set, parts, dict(constants), started, progress, runs
    )


def _images(catalog: Catalog, split_set: SplitSet, folds: int) -> tuple[Ints, Ints, Ints]:
    """Ascending ids of the images that stand in one of the two, 0 for train or 1, and labels."""
    for split in SIDES:
        if split_set.counts[split] < 2 * folds:
            raise UsageError(
                f"{split_set.name} has {split_set.counts[split]:,} images in {split}, and "
                f"{folds} folds take {2 * folds} or more",
                f"notmnist-store split-show {split_set.name}",
            )
    parts = [split_rows(catalog, split_set, split) for split in SIDES]
    ids = np.concatenate([part.ids for part in parts])
    side = np.repeat([0, 1], [len(part.ids) for part in parts])
    labels = np.concatenate([part.label_ids for part in parts])
    unique, first, count = np.unique(ids, return_index=True, return_counts=True)
    return unique[count == 1], side[first][count == 1], labels[first][count == 1]


def _train(
    tables: Tables, ids: Ints, side: Ints, fold: Ints, folds: int, seed: int, progress: Progress
) -> list[Fitted]:
    size = tables.marker.shape.size
    most = min(MOST_TRAINED, max(4, _TRAIN_BYTES // (4 * size)))
    models = []
    with progress.during("training", folds, "models"):
        for number in range(folds):
            others = np.flatnonzero(fold != number)
            each = min(most // 2, *np.bincount(side[others], minlength=2).tolist())
            if not each or np.bincount(side[fold == number], minlength=2).min() < 2:
                raise UsageError(
                    "copies leave a fold with images of one split only; fewer folds may help",
                    "notmnist-store distinguish --folds 2",
                )
            rows = np.concatenate([_drawn(others[side[others] == s], each, seed) for s in (0, 1)])
            rows.sort()
            pixels = pixels_of(tables, ids[rows], dtype=np.float32)
            models.append(fit_for_suspects(pixels, side[rows], 2, seed))
            progress.advance(number + 1)
    return models


def _drawn(rows: Ints, size: int, seed: int) -> Ints:
    return rows[stratified_draw(np.zeros(len(rows), np.int64), size, (seed,))]


def _judge(
    tables: Tables, ids: Ints, fold: Ints, models: list[Fitted], progress: Progress
) -> Floats:
    """Of each image the probability that it is of test, by the model of its fold, float64 (n,)."""
    found = np.empty(len(ids))
    with progress.during("looking at images", len(ids), "images"):
        for start in range(0, len(ids), _WINDOW):
            pixels = pixels_of(tables, ids[start : start + _WINDOW])
            scaled = np.empty(pixels.shape, np.float32)
            to_notebook_scale(pixels, scaled)
            here = fold[start : start + len(pixels)]
            for number in np.unique(here):
                rows = np.flatnonzero(here == number)
                found[start + rows] = models[number].probabilities(scaled[rows])[:, 1]
            progress.advance(start + len(pixels))
    return found


def _most_telling(ids: Ints, own: Floats, of_split: Ints) -> Ints:
    """Rows of the images of one split that look most like it, the most so first."""
    rows = np.flatnonzero(of_split)
    return rows[np.lexsort((ids[rows], -own[rows]))[:MOST_TELLING]]
