"""All pairs within a radius by comparing every image with every other: plain, and surely right.

Squared distances come from matrix products, |x|^2 + |y|^2 - 2 x'y, of the pixels less 128, which
moves all images alike and changes no distance. Products run over 1,024 values at a time: each is at
most 2^14, so that every partial sum is an integer of at most 2^24, and exact in float32 however the
sums are ordered. Those sums are added up in float64, far below 2^53.

The radius join works this way where numba is not installed, and certificates check it this way.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt

import numpy as np

from notmnist_store.schema.arrays import Floats, Ints, Pixels, Rows, Singles

_MOST_ROWS = 2_048
_WIDEST = 8_192
_MOST_COLUMNS = 1_024
_MIDDLE = np.float32(128)


def scan(a: Pixels, b: Pixels, most: int, chunk_pairs: int) -> Iterator[tuple[Rows, Rows, Ints]]:
    """Rows of a (n, d) and of b (m, d), and the squared distances of the pairs within `most`.

    Each part is of one block of rows by another and holds at most `chunk_pairs` pairs, sorted. With
    `a is b` every pair comes once, the lesser row on the left.
    """
    edge = max(1, min(_MOST_ROWS, isqrt(chunk_pairs)))
    # Few rows take wide blocks: one large product costs less than many small ones.
    wide = edge if a is b else max(edge, min(_WIDEST, edge * edge // max(1, len(a))))
    norms_a, norms_b = _squared_norms(a, edge), _squared_norms(b, edge)
    for top in range(0, len(a), edge):
        for start in range(top if a is b else 0, len(b), wide):
            rows, columns = slice(top, top + edge), slice(start, start + wide)
            squared = _squared(a[rows], b[columns], norms_a[rows], norms_b[columns])
            near = squared <= most
            if a is b and start == top:
                near = np.triu(near, 1)
            left, right = np.nonzero(near)
            yield (
                (left + top).astype(np.int32),
                (right + start).astype(np.int32),
                squared[left, right].astype(np.int64),
            )


def squared_distances(a: Pixels, b: Pixels) -> Floats:
    """The squared distance of each row of a (n, d) to each of b (m, d), exact: (n, m)."""
    return _squared(a, b, _squared_norms(a, _MOST_ROWS), _squared_norms(b, _MOST_ROWS))


def _squared(a: Pixels, b: Pixels, norms_a: Floats, norms_b: Floats) -> Floats:
    squared = _products(a, b)
    squared *= -2
    squared += norms_a[:, None]
    squared += norms_b
    return squared


def _products(a: Pixels, b: Pixels) -> Floats:
    total = np.zeros((len(a), len(b)))
    for start in range(0, a.shape[1], _MOST_COLUMNS):
        columns = slice(start, start + _MOST_COLUMNS)
        total += _centred(a[:, columns]) @ _centred(b[:, columns]).T
    return total


def _squared_norms(pixels: Pixels, edge: int) -> Floats:
    norms = np.zeros(len(pixels))
    for top in range(0, len(pixels), edge):
        for start in range(0, pixels.shape[1], _MOST_COLUMNS):
            part = _centred(pixels[top : top + edge, start : start + _MOST_COLUMNS])
            norms[top : top + edge] += np.einsum("ij,ij->i", part, part)
    return norms


def _centred(pixels: Pixels) -> Singles:
    return np.subtract(pixels, _MIDDLE, dtype=np.float32)
