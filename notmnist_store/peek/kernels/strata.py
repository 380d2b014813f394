"""Samples that show a whole range of values: equal shares of bins of equal width."""

from __future__ import annotations

import numpy as np

from notmnist_store.schema.arrays import Floats, Ints


def equal_shares(values: Floats, n: int, *, bins: int, seed: int) -> Ints:
    """Rows of a sample of `n` of these values (k,), all of them finite and from 0 up; sorted.

    The range from 0 to the largest value falls into `bins` parts of equal width, or into `n` where
    that is less. Each gives as many rows as any other, or all it has; what cannot be shared out
    evenly goes to those that have more. A least value is always among them; else each row of a part
    is as likely as any other. The same values and seed give the same rows.
    """
    if n >= len(values):
        return np.arange(len(values))
    bins = max(1, min(bins, n))
    most = float(values.max())
    place = np.zeros(len(values), np.int64)
    if most > 0:
        place = np.minimum((values / most * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, minlength=bins)
    shares = np.zeros(bins, np.int64)
    left = n
    for done, part in enumerate(np.argsort(counts, kind="stable")):
        shares[part] = min(int(counts[part]), left // (bins - done))
        left -= int(shares[part])
    drawn = np.random.default_rng(seed).permutation(len(values))
    least = int(np.argmin(values[drawn]))
    drawn[[0, least]] = drawn[[least, 0]]
    drawn = drawn[np.argsort(place[drawn], kind="stable")]
    starts = np.cumsum(counts) - counts
    rank = np.arange(len(values)) - starts[place[drawn]]
    return np.sort(drawn[rank < shares[place[drawn]]])
