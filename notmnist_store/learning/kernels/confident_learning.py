"""Which labels are likely wrong, from probabilities of models that had not seen the image.

Confident learning: Northcutt, C. G., Jiang, L., Chuang, I. L. (2021). Confident Learning:
Estimating Uncertainty in Dataset Labels. JAIR 70, 1373-1411, https://doi.org/10.1613/jair.1.12125.
Written from the paper: thresholds, confident joint, and the choice of its off-diagonal images.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from notmnist_store.errors import UsageError
from notmnist_store.schema.arrays import Floats, Ints, Singles

_Probabilities = Singles | Floats

# A probability this close below its class's threshold counts as at it: the mean of equal numbers
# may round to a little more than they are. cleanlab has the same.
_ROUNDING = 1e-6


class Suspects(NamedTuple):
    """Images off the diagonal of the confident joint, the likeliest errors first.

    rows and suggested int64 (m,): row and the class it is confidently counted in; self_confidence
    and margin float64 (m,): probability of the given label, and that less the largest other one.
    """

    rows: Ints
    suggested: Ints
    self_confidence: Floats
    margin: Floats


def class_thresholds(probabilities: _Probabilities, labels: Ints) -> Floats:
    """Mean self-confidence of each class, float64 (k,): of (n, k) probabilities and (n,) labels.

    This is t_j of the paper. A class without images has an infinite threshold.
    """
    _check(probabilities, labels)
    classes = probabilities.shape[1]
    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    images = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, weights=given, minlength=classes)
    return np.where(images > 0, sums / np.maximum(images, 1), np.inf)


def confident_classes(probabilities: _Probabilities, thresholds: Floats) -> Ints:
    """The class each image is confidently counted in, int64 (n,); -1 for none.

    Of the classes whose probability reaches the class's threshold it is the likeliest one.
    """
    # float32: memory stays at two more arrays of the size of `probabilities`.
    reached = probabilities >= (thresholds - _ROUNDING)
    masked = np.where(reached, probabilities, -1)
    return np.where(reached.any(axis=1), masked.argmax(axis=1), -1).astype(np.int64)


def find_suspects(probabilities: _Probabilities, labels: Ints) -> Suspects:
    """Images that the confident joint counts in another class than their label says.

    `probabilities` (n, k) are out of sample: row i comes from a model that was not fitted to image
    i, nor to a copy of it. They come by ascending margin, then by row: the margin by which the
    paper's "prune by noise rate" ranks.
    """
    counted = confident_classes(probabilities, class_thresholds(probabilities, labels))
    rows = np.flatnonzero((counted >= 0) & (counted != labels))
    own = labels[rows]
    rest = probabilities[rows].astype(np.float64)
    given = rest[np.arange(len(rows)), own]
    rest[np.arange(len(rows)), own] = -1
    margin = given - rest.max(axis=1) if len(rows) else given
    order = np.argsort(margin, kind="stable")
    rows = rows[order]
    return Suspects(rows, counted[rows], given[order], margin[order])


def _check(probabilities: _Probabilities, labels: Ints) -> None:
    fits = probabilities.ndim == 2 and len(probabilities) == len(labels)
    if not fits or (len(labels) and not 0 <= labels.min() <= labels.max() < probabilities.shape[1]):
        raise UsageError(
            "probabilities are (n, classes), and labels (n,) are rows' classes from 0",
            "notmnist-store suspects",
        )
