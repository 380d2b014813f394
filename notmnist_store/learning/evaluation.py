"""Evaluation splits: their images, which of them leaked, and what each model makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from notmnist_store.catalog.connection import Catalog
from notmnist_store.catalog.split_sets import SplitSet, split_rows
from notmnist_store.errors import UsageError
from notmnist_store.learning.classifiers import Fitted
from notmnist_store.learning.leaks import CLEAN, RAW
from notmnist_store.loading.split import Split
from notmnist_store.progress import Progress
from notmnist_store.schema.arrays import Bools, Ints
from notmnist_store.schema.words import EVALUATED
from notmnist_store.storage.gather import to_notebook_scale
from notmnist_store.storage.tables import Tables

_WINDOW = 4_096


@dataclass
class Evaluated:
    """One evaluation split of n images.

    ``labels`` (n,) are places in the labels of the split set that was trained on, -1 for one that
    is none of them; ``subsets`` are masks (n,); ``correct`` (models, n) is filled by `predict`.
    ``set_name`` is its split set, as NAME_v1 where that is another version of the one trained on.
    """

    images: Split
    labels: Ints
    subsets: dict[str, Bools]
    correct: Bools
    set_name: str

    @property
    def split(self) -> str:
        """Its split, valid or test."""
        return self.images.split


def evaluation_splits(
    tables: Tables,
    catalog: Catalog,
    split_set: SplitSet,
    trained: SplitSet,
) -> tuple[list[Evaluated], list[str]]:
    """The splits valid and test of a split set, those that have images, and notes on the others.

    `trained` is the split set that is trained on.
    """
    place = {label: number for number, label in enumerate(trained.labels)}
    set_name = split_set.name
    if set_name == trained.name and split_set.version != trained.version:
        set_name += f"_v{split_set.version}"
    mapped = np.array([place.get(label, -1) for label in split_set.labels], np.int64)
    found, notes = [], []
    for split in EVALUATED:
        if not split_set.counts[split]:
            notes.append(f"{split_set.name} has no {split}, so nothing is scored on it")
            continue
        rows = split_rows(catalog, split_set, split)
        images = Split(tables, catalog, split_set, split, rows)
        there = mapped[rows.label_ids]
        if strange := int(np.count_nonzero(there < 0)):
            notes.append(
                f"{strange:,} images of {split} of {split_set.name} have labels that are not "
                "trained on; they count as wrong"
            )
        no_mask = np.zeros((0, len(there)), np.bool_)
        found.append(Evaluated(images, there, {}, no_mask, set_name))
    if not found:
        raise UsageError(
            f"split set {split_set.name} has neither valid nor test, so there is nothing to score "
            "on",
            "notmnist-store split scored --train 0.8 --valid 0.1 --test 0.1",
        )
    return found, notes


def predict(
    evaluated: Sequence[Evaluated],
    models: Sequence[Fitted],
    kept: int,
    split_set: SplitSet,
    progress: Progress,
) -> pa.Table:
    """Fill `correct` of every evaluation split; returns what model number `kept` says of each.

    Only of `split_set`'s own images: columns eval_split, subset, image_id, label, predicted,
    self_confidence (the probability of the label) and confidence (that of the predicted one).
    Pixels are read once, in windows.
    """
    names = pa.array(split_set.labels, pa.string())
    progress.stage("scoring", sum(len(part.images) for part in evaluated), "images")
    done, said = 0, []
    for part in evaluated:
        own = part.images.split_set == split_set
        part.correct = np.zeros((len(models), len(part.images)), np.bool_)
        start = 0
        for batch in part.images.batches(_WINDOW):
            pixels = np.empty((len(batch.ids), batch.images[0].size), np.float32)
            to_notebook_scale(batch.images.reshape(pixels.shape), pixels)
            here = slice(start, start + len(batch.ids))
            labels = part.labels[here]
            for number, model in enumerate(models):
                predicted = model.estimator.predict(pixels)
                part.correct[number, here] = predicted == labels
                if number == kept and own:
                    probabilities = model.probabilities(pixels)
                    rows = np.arange(len(labels))
                    said.append(
                        pa.table(
                            {
                                "eval_split": pa.array([part.split] * len(labels)),
                                "subset": _parts(part.subsets, here),
                                "image_id": batch.ids,
                                "label": names.take(pa.array(labels)),
                                "predicted": names.take(pa.array(predicted)),
                                "self_confidence": probabilities[rows, labels],
                                "confidence": probabilities[rows, predicted],
                            }
                        )
                    )
            start += len(labels)
            done += len(labels)
            progress.advance(done)
    progress.end()
    return pa.concat_tables(said)


def _parts(subsets: dict[str, Bools], here: slice) -> pa.Array:
    """For each image of a window the part of its split that it is in: clean, or how it leaked."""
    words = np.full(here.stop - here.start, CLEAN, dtype=object)
    for subset, mask in subsets.items():
        if subset != RAW:
            words[mask[here]] = subset
    return pa.array(words, pa.string())
