"""The verb suspects: labels that are likely wrong, and images that are unlike all others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.split_sets import SplitSet, find_split_set, split_rows, unlabelled_note
from notmnist_store.errors import UsageError
from notmnist_store.learning.classifiers import Fitted, check_model, fit_for_suspects, one_thread
from notmnist_store.learning.kernels.confident_learning import find_suspects
from notmnist_store.learning.kernels.folds import grouped_folds, stratified_draw
from notmnist_store.learning.kernels.nearest import nearest_of_sample
from notmnist_store.learning.runs import save_learned
from notmnist_store.near.groups import copy_groups, known_near
from notmnist_store.progress import Progress
from notmnist_store.schema.arrays import Bools, Ints, Singles
from notmnist_store.schema.words import USED
from notmnist_store.storage.gather import pixels_of, to_notebook_scale
from notmnist_store.storage.tables import Tables

MOST_TRAINED = 100_000
"""Images that the model of a fold is trained on at the most: a stratified draw of the others."""

SAMPLE = 2_000
"""Images of the seeded sample in which each image's nearest neighbour is looked for."""

MOST_OUTLIERS = 1_000
"""Outliers that are kept: the farthest from their nearest neighbour in the sample."""

_WINDOW = 16_384
_BATCH = 2_048
_MOST_BYTES = 1 << 30
_TRAIN_BYTES = 2 << 30


@dataclass(frozen=True)
class _Images:
    """All images of a split set by ascending id: ids, label_ids and groups of copies, (n,)."""

    ids: Ints
    labels: Ints
    groups: Ints
    classes: int


def suspects(tables: Tables, name: str, folds: int, seed: int, progress: Progress) -> str:
    """Look for suspect labels and outliers among train, valid and test; returns the run's id.

    Every image gets probabilities from a model that has seen neither it nor a copy of it: equal
    images are in one fold, and near ones (radius 1.0 at 28x28x1) where pairs are known. Memory does
    not grow with the pixels of the store: a fold's model is trained on at most 100,000 images, and
    all others are read in windows.
    """
    check_model("logistic")
    check_options(folds, seed, "suspects")
    started = datetime.now(UTC)
    catalog = Catalog(tables)
    split_set = find_split_set(catalog, name)
    ids, labels = _all_images(catalog, split_set)
    near, notes = known_near(catalog, ids, None)
    groups, more = copy_groups(catalog, ids, near, len(ids) // folds)
    images = _Images(ids, labels, groups, len(split_set.labels))
    _check_labels(images)
    for note in notes + more + unlabelled_note(catalog):
        progress.note(note)
    with one_thread():
        fold = grouped_folds(groups, labels, folds, seed)
        models, seen, trained = _train(tables, images, fold, folds, seed, progress)
        probabilities, sample, nearest, squared = _measure(
            tables, images, fold, models, seed, progress
        )
    judged = np.flatnonzero(seen[fold, labels])
    if len(judged) < len(ids):
        progress.note(
            f"{len(ids) - len(judged):,} images have a label that no image of another fold has; "
            "nothing can be said of them"
        )
    found = find_suspects(probabilities[judged], labels[judged])
    rows = judged[found.rows]
    said = pa.array(split_set.labels, pa.string())
    far = np.lexsort((ids, -squared))[:MOST_OUTLIERS]
    far = far[squared[far] >= 0]
    right = probabilities[judged].argmax(axis=1) == labels[judged]
    written = {
        "suspect_search": pa.table(
            {
                "images": [len(ids)],
                "judged": [len(judged)],
                "trained": [trained],
                "suspects": [len(rows)],
                "accuracy": [float(right.mean()) if len(right) else 0.0],
            }
        ),
        "suspect": pa.table(
            {
                "image_id": ids[rows],
                "label": said.take(pa.array(labels[rows])),
                "suggested_label": said.take(pa.array(found.suggested)),
                "self_confidence": found.self_confidence,
                "margin": found.margin,
            }
        ),
        "outlier": pa.table(
            {
                "image_id": ids[far],
                "label": said.take(pa.array(labels[far])),
                "nearest_id": ids[sample[nearest[far]]],
                "squared_distance": squared[far],
            }
        ),
    }
    constants = {"folds": folds, "seed": seed, "radius": near and near.text}
    looked_at = image_runs(catalog, ids)
    return save_learned(
        tables, "suspects", split_set, written, constants, started, progress, looked_at
    )


def check_options(folds: int, seed: int, verb: str) -> None:
    """Refuse folds and a seed that cannot be meant."""
    if not 2 <= folds <= 100:
        raise UsageError(
            f"cross-validation takes 2 to 100 folds, not {folds}",
            f"notmnist-store {verb} --folds 5",
        )
    if seed < 0:
        raise UsageError(f"a seed is 0 or more, not {seed}", f"notmnist-store {verb} --seed 0")


def _all_images(catalog: Catalog, split_set: SplitSet) -> tuple[Ints, Ints]:
    parts = [split_rows(catalog, split_set, split) for split in USED if split_set.counts[split]]
    if not parts:
        raise UsageError(f"split set {split_set.name} has no images", "notmnist-store split-sets")
    ids, first = np.unique(np.concatenate([part.ids for part in parts]), return_index=True)
    return ids, np.concatenate([part.label_ids for part in parts])[first]


def _check_labels(images: _Images) -> None:
    if len(np.unique(images.labels)) < 2:
        raise UsageError(
            "suspects are found by telling labels apart, and all images have the same one",
            "notmnist-store sql label_counts",
        )
    needed = len(images.ids) * images.classes * np.dtype(np.float32).itemsize
    if needed > _MOST_BYTES:
        raise UsageError(
            f"{len(images.ids):,} images of {images.classes:,} labels would take "
            f"{needed / 2**30:.1f} GiB of probabilities, and the limit is 1 GiB; a split set can "
            "take some of the labels",
            "notmnist-store split some --where \"label in ('A', 'B')\"",
        )


def image_runs(catalog: Catalog, ids: Ints) -> list[str]:
    """The ingest runs whose images were looked at."""
    rows = catalog.query(
        "select distinct image.run_id from image"
        " inner join looked_at on looked_at.image_id = image.image_id order by image.run_id",
        rows={"looked_at": pa.table({"image_id": ids})},
    )
    return list(rows["run_id"].to_pylist())


def _train(
    tables: Tables, images: _Images, fold: Ints, folds: int, seed: int, progress: Progress
) -> tuple[list[Fitted], Bools, int]:
    """A model a fold, trained on the others; (folds, classes) labels it knows; images it had."""
    size = tables.marker.shape.size
    most = min(MOST_TRAINED, max(1, _TRAIN_BYTES // (4 * (size + 3 * images.classes))))
    models = []
    seen = np.zeros((folds, images.classes), np.bool_)
    trained = 0
    with progress.during("training", folds, "models"):
        for number in range(folds):
            others = np.flatnonzero(fold != number)
            drawn = stratified_draw(images.labels[others], min(most, len(others)), (seed, number))
            rows = others[drawn]
            seen[number, images.labels[rows]] = True
            if np.count_nonzero(seen[number]) < 2:
                raise UsageError(
                    "a fold leaves images of one label only; fewer folds may help",
                    "notmnist-store suspects --folds 2",
                )
            pixels = pixels_of(tables, images.ids[rows], dtype=np.float32)
            models.append(fit_for_suspects(pixels, images.labels[rows], images.classes, seed))
            trained = max(trained, len(rows))
            progress.advance(number + 1)
    return models, seen, trained


def _measure(
    tables: Tables,
    images: _Images,
    fold: Ints,
    models: list[Fitted],
    seed: int,
    progress: Progress,
) -> tuple[Singles, Ints, Ints, Ints]:
    """Probabilities (n, classes) by the model of each image's own fold; and of the sample (rows of
    the images) which is nearest, and its squared distance, -1 where there is none.
    """
    n = len(images.ids)
    sample = np.sort(np.random.default_rng(seed).permutation(n)[:SAMPLE])
    pictures = pixels_of(tables, images.ids[sample])
    probabilities = np.zeros((n, images.classes), np.float32)
    nearest, squared = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
    with progress.during("looking at images", n, "images"):
        for start in range(0, n, _WINDOW):
            window = pixels_of(tables, images.ids[start : start + _WINDOW])
            for low in range(0, len(window), _BATCH):
                part = window[low : low + _BATCH]
                rows = np.arange(start + low, start + low + len(part))
                scaled = np.empty(part.shape, np.float32)
                to_notebook_scale(part, scaled)
                for number in np.unique(fold[rows]):
                    here = fold[rows] == number
                    probabilities[rows[here]] = models[number].probabilities(scaled[here])
                nearest[rows], squared[rows] = nearest_of_sample(
                    part, images.groups[rows], pictures, images.groups[sample]
                )
            progress.advance(start + len(window))
    return probabilities, sample, nearest, squared
