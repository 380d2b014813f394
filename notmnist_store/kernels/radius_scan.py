"""All pairs within a radius by comparing every image with every other: plain, and surely right.

Squared distances come from float64 matrix products of the pixels, |x|^2 + |y|^2 - 2 x'y. All terms
and partial sums are integers below 2^53, so they are exact however they are ordered.

The radius join works this way where numba is not installed, and certificates check it this way.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt

import numpy as np
import numpy.typing as npt

__all__ = ["scan"]

_MOST_ROWS = 1_024
_MOST_COLUMNS = 4_096


def scan(
    a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8], most: int, chunk_pairs: int
) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int64]]]:
    """Rows of a (n, d) and of b (m, d), and the squared distances of the pairs within `most`.

    Each part is of one block of rows by another and holds at most `chunk_pairs` pairs, sorted. With
    `a is b` every pair comes once, the lesser row on the left.
    """
    edge = max(1, min(_MOST_ROWS, isqrt(chunk_pairs)))
    norms_a, norms_b = _squared_norms(a, edge), _squared_norms(b, edge)
    for top in range(0, len(a), edge):
        for start in range(top if a is b else 0, len(b), edge):
            rows, columns = slice(top, top + edge), slice(start, start + edge)
            squared = norms_a[rows, None] + norms_b[columns] - 2 * _products(a[rows], b[columns])
            near = squared <= most
            if a is b and start == top:
                near = np.triu(near, 1)
            left, right = np.nonzero(near)
            yield (
                (left + top).astype(np.int32),
                (right + start).astype(np.int32),
                squared[left, right].astype(np.int64),
            )


def _products(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    total = np.zeros((len(a), len(b)))
    for start in range(0, a.shape[1], _MOST_COLUMNS):
        columns = slice(start, start + _MOST_COLUMNS)
        total += a[:, columns].astype(np.float64) @ b[:, columns].astype(np.float64).T
    return total


def _squared_norms(pixels: npt.NDArray[np.uint8], edge: int) -> npt.NDArray[np.float64]:
    norms = np.zeros(len(pixels))
    for top in range(0, len(pixels), edge):
        for start in range(0, pixels.shape[1], _MOST_COLUMNS):
            part = pixels[top : top + edge, start : start + _MOST_COLUMNS].astype(np.float64)
            norms[top : top + edge] += np.einsum("ij,ij->i", part, part)
    return norms
