"""The nearest of a sample to each image: exact squared distances through matrix products."""

from __future__ import annotations

import numpy as np

from notmnist_store.errors import UsageError
from notmnist_store.schema.arrays import Ints, Pixels, Singles

# Products of two values of -128 to 127 add up to integers below 2^24 over so many columns: float32
# holds each of them, so a matrix product is exact, in whatever order it is summed.
_EXACT_COLUMNS = 1_000
_CENTRE = 128


class NearestOfSample:
    """A sample of images to measure others against.

    `pixels` is uint8 (m, size); `groups` (m,) names each one's group of copies: an image is never
    measured against its own group.

    Raises:
        UsageError: the sample is empty, or the shapes differ.
    """

    def __init__(self, pixels: Pixels, groups: Ints) -> None:
        if pixels.ndim != 2 or not len(pixels) or len(pixels) != len(groups):
            raise UsageError("a sample is uint8 (m, size), with m groups: at least one")
        self._pixels = _centred(pixels)
        self._squares = _squares(pixels)
        self._groups = groups

    def nearest(self, pixels: Pixels, groups: Ints) -> tuple[Ints, Ints]:
        """(place in the sample, squared distance) of the nearest to each image, int64 (n,) each.

        Squared distances are sums of the squared differences of uint8 values, exact. Of several
        at the same distance it is the first; -1 and -1 where all of the sample is of the image's
        own group. `pixels` is uint8 (n, size), `groups` (n,).
        """
        centred = _centred(pixels)
        products = np.zeros((len(pixels), len(self._pixels)), np.int64)
        for start in range(0, pixels.shape[1], _EXACT_COLUMNS):
            part = slice(start, start + _EXACT_COLUMNS)
            products += (centred[:, part] @ self._pixels[:, part].T).astype(np.int64)
        squared = _squares(pixels)[:, np.newaxis] + self._squares - 2 * products
        squared[groups[:, np.newaxis] == self._groups] = np.iinfo(np.int64).max
        place = squared.argmin(axis=1)
        found = squared[np.arange(len(place)), place]
        alone = found == np.iinfo(np.int64).max
        return np.where(alone, -1, place), np.where(alone, -1, found)


def _centred(pixels: Pixels) -> Singles:
    return pixels.astype(np.float32) - np.float32(_CENTRE)


def _squares(pixels: Pixels) -> Ints:
    centred = pixels.astype(np.int64) - _CENTRE
    squares: Ints = np.einsum("ij,ij->i", centred, centred)
    return squares
