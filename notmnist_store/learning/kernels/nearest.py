"""The nearest of a sample to each image, by exact squared distances."""

from __future__ import annotations

import numpy as np

from notmnist_store.errors import UsageError
from notmnist_store.near.kernels.scan import squared_distances
from notmnist_store.schema.arrays import Ints, Pixels


def nearest_of_sample(
    pixels: Pixels, groups: Ints, sample: Pixels, sample_groups: Ints
) -> tuple[Ints, Ints]:
    """(place in the sample, squared distance) of the nearest to each image, int64 (n,) each.

    `pixels` is uint8 (n, size), `sample` uint8 (m, size); groups (n,) and (m,) name each one's
    group of copies: an image is never measured against its own. Of several at the same distance it
    is the first; -1 and -1 where all of the sample is of the image's own group.
    """
    if sample.ndim != 2 or not len(sample) or len(sample) != len(sample_groups):
        raise UsageError("a sample is uint8 (m, size), with m groups: at least one")
    squared = squared_distances(pixels, sample)
    squared[groups[:, np.newaxis] == sample_groups] = np.inf
    place = squared.argmin(axis=1)
    found = squared[np.arange(len(place)), place]
    alone = np.isinf(found)
    return np.where(alone, -1, place), np.where(alone, -1, found).astype(np.int64)
