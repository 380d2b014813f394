"""Draws of training images: stratified samples, and folds that no group of copies straddles."""

from __future__ import annotations

import numpy as np

from notmnist_store.errors import UsageError
from notmnist_store.schema.arrays import Ints


def draw_quotas(images: Ints, size: int) -> Ints:
    """How many images of each class a draw of `size` takes, int64 (k,), of the (k,) there are.

    In proportion, rounded by largest remainder; of ties the first class has it. Every class that
    has images gets one at least where `size` allows.
    """
    total = int(images.sum())
    if not 0 <= size <= total:
        raise UsageError(f"{size} images cannot be drawn from {total}: draw fewer")
    exact = images * (size / total) if total else images.astype(np.float64)
    quotas = np.floor(exact).astype(np.int64)
    if size >= np.count_nonzero(images):
        quotas = np.maximum(quotas, images > 0)
    while (rest := size - int(quotas.sum())) != 0:
        step = 1 if rest > 0 else -1
        free = quotas < images if step > 0 else quotas > 1
        owed = np.where(free, (exact - quotas) * step, -np.inf)
        quotas[np.argsort(-owed, kind="stable")[: min(abs(rest), int(free.sum()))]] += step
    return quotas


def stratified_draw(labels: Ints, size: int, seed: tuple[int, ...]) -> Ints:
    """Rows of a stratified draw without replacement, ascending, int64 (size,).

    `labels` (n,) are classes from 0. Draws of one seed are nested within each class: a larger one
    takes what a smaller one took, and more.
    """
    images = np.bincount(labels) if len(labels) else np.zeros(0, np.int64)
    quotas = draw_quotas(images, size)
    by_class = np.argsort(labels, kind="stable")
    starts = np.cumsum(images) - images
    random = np.random.default_rng(seed)
    drawn = [
        random.permutation(by_class[start : start + count])[:quota]
        for start, count, quota in zip(starts, images, quotas, strict=True)
    ]
    return np.sort(np.concatenate(drawn)) if drawn else np.zeros(0, np.int64)


def grouped_folds(groups: Ints, labels: Ints, folds: int, seed: int) -> Ints:
    """A fold for each image, int64 (n,), 0 to folds - 1; no group has images in two folds.

    `groups` (n,) names each image's group, any integers; `labels` (n,) are classes from 0. Groups
    of several images go one by one, the largest first (ties by seed), to the fold that has fewest
    images of the classes they hold; then the single ones of each class level its folds out. So a
    class's folds differ by one image at most, unless groups are larger than that.
    """
    if folds < 2:
        raise UsageError(f"cross-validation takes two folds or more, not {folds}")
    random = np.random.default_rng(seed)
    _, group, images = np.unique(groups, return_inverse=True, return_counts=True)
    classes = int(labels.max()) + 1 if len(labels) else 0
    filled = np.zeros((folds, classes), np.int64)
    fold = np.full(len(groups), -1, np.int64)
    by_group = np.argsort(group, kind="stable")
    ends = np.cumsum(images)
    shuffled = random.permutation(len(images))
    for one in shuffled[np.argsort(-images[shuffled], kind="stable")]:
        if images[one] == 1:
            break
        rows = by_group[ends[one] - images[one] : ends[one]]
        held = np.bincount(labels[rows], minlength=classes)
        # Fewest images of the group's classes, weighted by how many of each it holds; then fewest.
        load = filled @ held
        target = int(np.lexsort((filled.sum(axis=1), load))[0])
        fold[rows] = target
        filled[target] += held
    for label in range(classes):
        rows = random.permutation(np.flatnonzero((labels == label) & (fold < 0)))
        quotas = _level(filled[:, label], len(rows), int(random.integers(folds)))
        fold[rows] = np.repeat(np.arange(folds), quotas)
    return fold


def _level(filled: Ints, more: int, first: int) -> Ints:
    """How many of `more` images each fold gets so that the fullest ends as low as can be.

    What does not divide goes to the folds from `first` on, round about.
    """
    order = np.argsort(filled, kind="stable")
    level = filled[order]
    cost = level * np.arange(1, len(level) + 1) - np.cumsum(level)  # to lift those before to it
    open_folds = int(np.searchsorted(cost, more, side="right"))
    lowest = order[:open_folds]
    height, rest = divmod(more + int(filled[lowest].sum()), open_folds)
    quotas = np.zeros(len(filled), np.int64)
    quotas[lowest] = height - filled[lowest]
    round_about = lowest[np.argsort((lowest - first) % len(filled))]
    quotas[round_about[:rest]] += 1
    return quotas
