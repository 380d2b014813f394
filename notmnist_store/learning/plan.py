"""What a baseline is asked for, and which models that means for one split set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from notmnist_store.errors import UsageError
from notmnist_store.learning.classifiers import MODELS
from notmnist_store.learning.kernels.folds import stratified_draw
from notmnist_store.schema.arrays import Ints

ALL = "all"

_MOST_LABELS = 1_000
_MOST_BYTES = 4 << 30
_MOST_REPEATS = 1_000
_EXAMPLE = "notmnist-store baseline --sizes 50,100,1000,5000,all"


def read_sizes(sizes: str | Sequence[int | str]) -> tuple[str, ...]:
    """Sizes as they were given, with commas or one by one: counts of images, or the word all."""
    words = sizes.split(",") if isinstance(sizes, str) else map(str, sizes)
    given = tuple(word.strip().lower() for word in words)
    for word in given:
        if word != ALL and not (word.isascii() and word.isdigit() and 0 < int(word) < 1 << 40):
            raise UsageError(
                f"a size is a count of training images or the word all, not {word!r}", _EXAMPLE
            )
    return given


@dataclass(frozen=True)
class Draw:
    """One training set: its repeat, and its rows (int64, ascending) in the split train."""

    repeat: int
    rows: Ints

    @property
    def size(self) -> int:
        """Images in it."""
        return len(self.rows)


def plan_draws(
    sizes: Sequence[str],
    labels: Ints,
    classes: int,
    pixels: int,
    *,
    model: str,
    repeats: int = 1,
    seed: int = 0,
) -> tuple[list[Draw], list[str]]:
    """The draws of all sizes and repeats, smallest first, and notes on sizes that are left out.

    `labels` (n,) are those of the split train, `classes` its labels, `pixels` values an image.
    """
    if not 1 <= repeats <= _MOST_REPEATS:
        raise UsageError(
            f"there are 1 to {_MOST_REPEATS:,} repeats, not {repeats}",
            "notmnist-store baseline --repeats 5",
        )
    if seed < 0:
        raise UsageError(f"a seed is 0 or more, not {seed}", "notmnist-store baseline --seed 0")
    present = len(np.unique(labels))
    if present < 2:
        raise UsageError(
            "a baseline tells labels apart, and all training images have the same one",
            "notmnist-store sql label_counts",
        )
    if classes > _MOST_LABELS:
        raise UsageError(
            f"a baseline takes at most {_MOST_LABELS:,} labels, and there are {classes:,}; a split "
            "set can take some of them",
            "notmnist-store split some --where \"label in ('A', 'B')\"",
        )
    notes: list[str] = []
    chosen: list[int] = []
    for word in sizes:
        size = len(labels) if word == ALL else int(word)
        if size in chosen:
            notes.append(f"size {word} is given twice, and counts once")
        elif reason := _against(model, size, len(labels), present, classes, pixels):
            notes.append(f"size {word} is left out: {reason}")
        else:
            chosen.append(size)
    if not chosen:
        raise UsageError("; ".join(notes), "notmnist-store baseline --sizes 100,all")
    draws = [
        Draw(repeat, stratified_draw(labels, size, (seed, repeat)))
        for size in sorted(chosen)
        for repeat in range(repeats if size < len(labels) else 1)
    ]
    return draws, notes


def _against(
    model: str, size: int, images: int, present: int, classes: int, pixels: int
) -> str | None:
    """Why a size cannot be trained on, or None."""
    most = MODELS[model]
    if size > images:
        return f"there are {images:,} training images"
    if size < present:
        return f"that is less than one image for each of {present:,} labels"
    if most is not None and size > most:
        return f"{model} takes at most {most:,} images; --model logistic takes them"
    # float32 pixels, and three arrays of a number for each label that the solver keeps.
    needed = size * (pixels + 3 * classes) * 4
    if needed > _MOST_BYTES:
        return f"it would take {needed / 2**30:.1f} GiB of memory, and the limit is 4 GiB"
    return None
