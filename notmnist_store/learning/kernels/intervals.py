"""Intervals for accuracies: Wilson's for one, the paired bootstrap for a difference of two."""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from notmnist_store.errors import UsageError
from notmnist_store.schema.arrays import Bools, Floats

_CHUNK_DRAWS = 4_000_000


class Difference(NamedTuple):
    """A difference of two means and the ends of its interval, in the unit of the values."""

    value: float
    low: float
    high: float


def wilson_interval(correct: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a share, `correct` of `n` independent trials.

    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference.
    JASA 22, 209-212; without continuity correction. Of no trials at all it is (0, 1).
    """
    _check_confidence(confidence)
    if not 0 <= correct <= n:
        raise UsageError(f"{correct} of {n} trials is no share")
    if n == 0:
        return 0.0, 1.0
    z2 = NormalDist().inv_cdf(0.5 + confidence / 2) ** 2
    share = correct / n
    middle = share + z2 / (2 * n)
    half = (z2 * (share * (1 - share) + z2 / (4 * n)) / n) ** 0.5
    low, high = (middle - half) / (1 + z2 / n), (middle + half) / (1 + z2 / n)
    # Exactly 0 and 1 at the ends, where rounding would leave 1e-17 on the wrong side.
    return (0.0 if correct == 0 else low), (1.0 if correct == n else high)


def percentile_interval(values: Floats, confidence: float = 0.95) -> tuple[float, float]:
    """The central interval of these values, float64 (n,), n > 0, by linear interpolation."""
    _check_confidence(confidence)
    if not len(values):
        raise UsageError("no values have no interval: give at least one")
    low, high = np.quantile(values, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)


def paired_difference(
    values: Floats,
    first: Bools,
    second: Bools,
    *,
    resamples: int = 1_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Difference | None:
    """Mean of `values` over `first` less that over `second`, with a paired bootstrap interval.

    All three have the shape (n,), one entry an image; an image may count in both means, in one or
    in none. Each resample draws n images with replacement and takes both means over the same draw,
    so what the two share cancels out. The interval is the percentile one of Efron (1979), Bootstrap
    methods: another look at the jackknife, Ann. Statist. 7, 1-26. Resamples in which one of the
    means has no image do not count. Memory: at most some 64 MB.

    Returns None where `first` or `second` is empty.
    """
    if not values.shape == first.shape == second.shape or resamples < 1:
        raise UsageError("values and both masks have one shape, (n,), and a resample or more")
    _check_confidence(confidence)
    if not first.any() or not second.any():
        return None
    value = float(values[first].mean() - values[second].mean())
    random = np.random.default_rng(seed)
    # Columns: the two sums and the two counts, so that one pass over a draw gives both means.
    columns = np.stack([values * first, first, values * second, second]).astype(np.float64)
    n = len(values)
    draws = max(1, _CHUNK_DRAWS // n)
    found = []
    for start in range(0, resamples, draws):
        drawn = random.integers(0, n, (min(draws, resamples - start), n), dtype=np.int32)
        sums = [column[drawn].sum(axis=1) for column in columns]
        kept = (sums[1] > 0) & (sums[3] > 0)
        one, ones, other, others = (total[kept] for total in sums)
        found.append(one / ones - other / others)
    differences = np.concatenate(found)
    low, high = percentile_interval(differences, confidence) if len(differences) else (value,) * 2
    return Difference(value, low, high)


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise UsageError(f"a confidence lies between 0 and 1, not at {confidence}")
