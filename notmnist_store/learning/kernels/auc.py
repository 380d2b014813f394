"""The area under the ROC curve with its variance, and of several folds together."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from notmnist_store.errors import UsageError
from notmnist_store.schema.arrays import Floats


def auc(positive: Floats, negative: Floats) -> tuple[float, float]:
    """The area for scores of positives (m,) and negatives (n,), float64, and its variance.

    The share of pairs whose positive has the higher score, ties counting half. The variance is that
    of DeLong, E. R., DeLong, D. M., Clarke-Pearson, D. L. (1988), Comparing the areas under two or
    more correlated receiver operating characteristic curves, Biometrics 44, 837-845, from midranks.
    """
    m, n = len(positive), len(negative)
    if m < 2 or n < 2:
        raise UsageError(f"an area under the curve takes two scores or more a side, not {m}, {n}")
    together = _midranks(np.concatenate([positive, negative]))
    above = (together[:m] - _midranks(positive)) / n  # of each positive, the negatives below it
    below = 1 - (together[m:] - _midranks(negative)) / m
    variance = above.var(ddof=1) / m + below.var(ddof=1) / n
    return float(above.mean()), float(variance)


def mean_auc(
    folds: Sequence[tuple[float, float]], confidence: float = 0.95
) -> tuple[float, float, float]:
    """The mean of several areas, each with its variance, and the ends of its interval in [0, 1].

    Scores of different models are not compared with each other: each fold has an area of its own.
    """
    areas, variances = np.array(folds).T
    value = float(areas.mean())
    half = NormalDist().inv_cdf(0.5 + confidence / 2) * float(variances.sum()) ** 0.5 / len(areas)
    return value, max(0.0, value - half), min(1.0, value + half)


def _midranks(values: Floats) -> Floats:
    """Ranks from 1, those of equal values their mean, float64 (n,)."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]
